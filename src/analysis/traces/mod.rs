//! Voltage traces.
