//! Columns that no file holds and that follow from others. They have no place in a schema: asking for one by its
//! name binds what it is made of.

use arrow_schema::DataType;

use super::bind::resolve;
use super::{BinaryOp, Expr, Function};
use crate::model::{ColumnSpec, Schema, units};

/// Synapse types from this number on are excitatory.
const FIRST_EXCITATORY: i64 = 100;

/// What a computed column is and how it is made, if the schema has what it needs.
pub(super) fn computed(name: &str, schema: &Schema) -> Option<(ColumnSpec, Expr)> {
    let (spec, expr) = match name {
        "excitatory" => (
            ColumnSpec::new(name, DataType::Boolean)
                .meaning("whether the synapse is excitatory, by its type"),
            Expr::binary(
                BinaryOp::GreaterOrEqual,
                Expr::column("syn_type_id"),
                Expr::literal(FIRST_EXCITATORY),
            ),
        ),
        "soma_distance" => (
            ColumnSpec::new(name, DataType::Float64)
                .unit(units::UM)
                .meaning("straight line between the somata"),
            distance(&["x", "y", "z"].map(|axis| (format!("pre.{axis}"), format!("post.{axis}")))),
        ),
        "touch_distance" => (
            ColumnSpec::new(name, DataType::Float64)
                .unit(units::UM)
                .meaning("straight line between the surfaces of the two neurites"),
            distance(
                &["x", "y", "z"]
                    .map(|axis| (format!("efferent_surface_{axis}"), format!("afferent_surface_{axis}"))),
            ),
        ),
        _ => return None,
    };
    let mut complete = true;
    expr.walk(&mut |part| {
        if let Expr::Column(column) = part {
            complete &= resolve(column, schema).is_ok();
        }
    });
    complete.then_some((spec, expr))
}

/// The straight line between two places, each in the columns of its three coordinates.
fn distance([x, y, z]: &[(String, String); 3]) -> Expr {
    let square = |(from, to): &(String, String)| {
        let difference =
            || Expr::binary(BinaryOp::Subtract, Expr::column(from.as_str()), Expr::column(to.as_str()));
        Expr::binary(BinaryOp::Multiply, difference(), difference())
    };
    let sum = |a, b| Expr::binary(BinaryOp::Add, a, b);
    Expr::Call(Function::Sqrt, vec![sum(sum(square(x), square(y)), square(z))])
}
