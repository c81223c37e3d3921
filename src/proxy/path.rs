//! One path out of the many spellings of it (R8).
