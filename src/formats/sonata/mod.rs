//! SONATA: circuit configurations, node sets, nodes, edges.

pub mod edges;
