//! Findings as text, JSON, SARIF and DOT
