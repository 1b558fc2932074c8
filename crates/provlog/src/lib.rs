//! provlog
