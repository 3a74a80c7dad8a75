//! Attackers who forge tokens, guess secrets, compare answers and try every call.

mod doors;
mod guesses;
mod roles;
mod tokens;
mod vectors;
