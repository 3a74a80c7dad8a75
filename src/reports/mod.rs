//! What is read back: who came to an event ([`attendance`]), what was sold ([`sales`]), how an event sells ([`summary`]).

pub mod attendance;
pub mod sales;
pub mod summary;
