//! A Microsoft 365 stand-in with state.
