//! The program: parse, run, exit code.

use o365_listener as _;

fn main() {}
