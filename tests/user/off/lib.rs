//! A library without anything; its tests are what counts.
