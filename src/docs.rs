//! Longer pages, one subject each.

/// How a request is processed, and why the result is right.
pub mod architecture {
    #![doc = include_str!("docs/architecture.md")]
}

/// What is built, where, and which test shows it.
pub mod features {
    #![doc = include_str!("docs/features.md")]
}

/// The terms of the code.
pub mod glossary {
    #![doc = include_str!("docs/glossary.md")]
}

/// What must always hold.
pub mod laws {
    #![doc = include_str!("docs/laws.md")]
}

/// Settings, restarts, backups, keys, outages.
pub mod operating {
    #![doc = include_str!("docs/operating.md")]
}
