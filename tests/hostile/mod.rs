//! Issue 4, point 7: callers who forge, guess, listen for differences and try every door.

mod doors;
mod guesses;
mod roles;
mod tokens;
mod vectors;
