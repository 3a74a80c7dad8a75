//! What survives a bad night: stores and gateways that are killed, hang, fill up and lose answers, while people go on working.

mod clocks;
mod copies;
mod disk;
mod killed;
mod night;
mod postgres;
mod unknown;
