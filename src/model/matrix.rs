//! A sparse matrix `[pre, post]` in coordinate form.

/// A sparse matrix: row `i` is the cell `rows[i]`, column `j` the cell `columns[j]`.
#[derive(Clone, Debug, PartialEq)]
pub struct SparseMatrix {
    /// The ids (or labels) of the rows, presynaptic.
    pub rows: Vec<String>,
    /// The ids (or labels) of the columns, postsynaptic.
    pub columns: Vec<String>,
    /// `(row, column, value)`, ordered by row, then column, each place once.
    pub entries: Vec<(u32, u32, f64)>,
    /// What a value is, with its unit: `synapses`, `conductance (nS)`.
    pub value: String,
}

impl SparseMatrix {
    /// The value at a place; 0 where nothing is stored.
    pub fn get(&self, row: usize, column: usize) -> f64 {
        let key = (row as u32, column as u32);
        match self.entries.binary_search_by_key(&key, |&(r, c, _)| (r, c)) {
            Ok(at) => self.entries[at].2,
            Err(_) => 0.0,
        }
    }

    /// The full matrix, row by row. Only for small ones: its size is rows × columns.
    pub fn dense(&self) -> Vec<Vec<f64>> {
        let mut dense = vec![vec![0.0; self.columns.len()]; self.rows.len()];
        for &(row, column, value) in &self.entries {
            dense[row as usize][column as usize] = value;
        }
        dense
    }
}
