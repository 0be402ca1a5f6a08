//! Hash and signature suites of the light clients, as values.
