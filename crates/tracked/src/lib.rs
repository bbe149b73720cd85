//! Instrumented drop-in locks that record a lock-order graph at run time
