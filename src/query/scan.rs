//! A scan of synapses or connections: it takes over what conditions say about the cells on either side, and
//! reads from the side that has fewer rows.

use std::sync::Arc;

use super::bind::bind_condition;
use super::eval::mask;
use super::{BinaryOp, Expr, Members, Value};
use crate::diag::Result;
use crate::model::{Connectome, IdSet, Schema, Side, Source};

/// What is scanned: the synapses (or connections) of a connectome between two groups of cells.
#[derive(Clone)]
pub struct SynapseScan {
    /// Where they are.
    pub connectome: Arc<dyn Connectome>,
    /// Only those that these cells make.
    pub pre: Option<IdSet>,
    /// Only those onto these cells.
    pub post: Option<IdSet>,
    /// From which side the rows are ordered: [`Side::Incoming`] by post cell, [`Side::Outgoing`] by pre cell.
    pub order: Side,
    /// Connected pairs with their number of synapses, instead of synapses.
    pub connections: bool,
}

/// How a scan will be read.
pub(super) struct Opened {
    pub(super) source: Arc<dyn Source>,
    /// What the source does not decide itself.
    pub(super) conditions: Vec<Expr>,
    /// The rows come in another order than the scan promises.
    pub(super) reordered: bool,
}

/// Reading from the other side is worth a sort of the rows from this ratio on.
const WORTH_TURNING: u64 = 8;

impl SynapseScan {
    pub(super) fn schema(&self) -> Arc<Schema> {
        let schema = self.connectome.schema();
        if !self.connections {
            return schema;
        }
        let mut connections = Schema::new(crate::model::connection_columns());
        for link in schema.links() {
            connections = connections.linked(&schema.columns()[link.column].name, &link.cells);
        }
        Arc::new(connections)
    }

    /// Opens the scan under some conditions.
    pub(super) fn open(&self, conditions: Vec<Expr>) -> Result<Opened> {
        let mut scan = self.clone();
        let schema = self.schema();
        let mut rest = Vec::new();
        for condition in conditions {
            match about_one_side(&condition, &schema) {
                Some(side) => {
                    if let Some(ids) = cells_where(&condition, side, &schema)? {
                        scan.restrict(side, ids);
                    } else {
                        rest.push(condition);
                    }
                }
                None => rest.push(condition),
            }
        }
        scan.open_restricted(rest)
    }

    fn restrict(&mut self, side: &str, ids: IdSet) {
        let slot = if side == "pre" { &mut self.pre } else { &mut self.post };
        *slot = Some(match slot.take() {
            None => ids,
            Some(old) => old.listed().iter().copied().filter(|&id| ids.contains(id)).collect(),
        });
    }

    fn open_restricted(self, mut conditions: Vec<Expr>) -> Result<Opened> {
        let side = self.choose_side()?;
        let mut keep = |column: &str, ids: &Option<IdSet>| {
            if let Some(ids) = ids {
                let member = Expr::In(Box::new(Expr::column(column)), Members::Ids(ids.clone()));
                conditions.insert(0, member);
            }
        };
        let chosen = match side {
            Side::Incoming => {
                keep("pre", &self.pre);
                self.post.as_ref()
            }
            Side::Outgoing => {
                keep("post", &self.post);
                self.pre.as_ref()
            }
        };
        if self.connections {
            let source = self.connectome.connections(chosen.map(|ids| (side, ids)))?;
            return Ok(Opened { source, conditions, reordered: false });
        }
        let Some(ids) = chosen else {
            return Ok(Opened { source: self.connectome.synapses()?, conditions, reordered: false });
        };
        let turned = side != self.order;
        if turned
            && self.post.is_none()
            && let Some(source) = self.connectome.made_in_order(ids)?
        {
            return Ok(Opened { source, conditions, reordered: false });
        }
        Ok(Opened { source: self.connectome.of(side, ids)?, conditions, reordered: turned })
    }

    /// Whether these are so many of the cells that make synapses that going through all synapses, in the order that is
    /// promised, takes less than looking theirs up.
    fn are_many(&self, pre: &IdSet) -> bool {
        let schema = self.connectome.schema();
        let cells = schema.find("pre").and_then(|at| schema.link_at(at)).map(|link| link.cells.count());
        cells.is_some_and(|cells| pre.len().saturating_mul(WORTH_TURNING as usize) >= cells)
    }

    /// The side with fewer rows; the promised one, unless the other is much better.
    fn choose_side(&self) -> Result<Side> {
        Ok(match (&self.pre, &self.post) {
            (None, _) => Side::Incoming,
            (Some(pre), None) if self.order == Side::Incoming && self.are_many(pre) => Side::Incoming,
            (Some(_), None) => Side::Outgoing,
            (Some(pre), Some(post)) => {
                // Unless that side names far fewer cells, its files are not even opened.
                let (ours, theirs) = match self.order {
                    Side::Incoming => (post.len(), pre.len()),
                    Side::Outgoing => (pre.len(), post.len()),
                };
                if theirs.saturating_mul(WORTH_TURNING as usize) >= ours {
                    return Ok(self.order);
                }
                let incoming = self.connectome.count(Side::Incoming, post)?;
                let outgoing = self.connectome.count(Side::Outgoing, pre)?;
                let (ours, theirs, other) = match self.order {
                    Side::Incoming => (incoming, outgoing, Side::Outgoing),
                    Side::Outgoing => (outgoing, incoming, Side::Incoming),
                };
                if theirs.saturating_mul(WORTH_TURNING) < ours { other } else { self.order }
            }
        })
    }
}

/// Whether a condition speaks of the cells on one side only, and is false for cells that do not exist.
fn about_one_side(condition: &Expr, schema: &Schema) -> Option<&'static str> {
    let mut sides = [false, false];
    let mut plain = true;
    condition.walk(&mut |e| match e {
        Expr::Column(name) => {
            let own = schema.find(name.split_once('.').map_or(name.as_str(), |n| n.0));
            match own.map(|at| schema.columns()[at].name.as_str()) {
                Some("pre") => sides[0] = true,
                Some("post") => sides[1] = true,
                _ => plain = false,
            }
        }
        // These may hold for a missing cell too, which a look at the existing cells would not show.
        Expr::IsNull(_) | Expr::If(..) | Expr::Script(_) => plain = false,
        _ => {}
    });
    match (plain, sides) {
        (true, [true, false]) => Some("pre"),
        (true, [false, true]) => Some("post"),
        _ => None,
    }
}

/// The cells for which a condition about one side holds, or nothing if that must be asked of each row.
fn cells_where(condition: &Expr, side: &str, schema: &Arc<Schema>) -> Result<Option<IdSet>> {
    let Some(at) = schema.find(side) else { return Ok(None) };
    let packed = schema.columns()[at].populations.is_some();
    if let Some(ids) = named_ids(condition, packed) {
        return Ok(Some(ids));
    }
    let Some(link) = schema.link_at(at) else { return Ok(None) };
    let mut only_properties = true;
    condition.walk(&mut |e| {
        if let Expr::Column(name) = e {
            only_properties &= name.contains('.');
        }
    });
    if !only_properties {
        return Ok(None);
    }
    // Checked against the scan's own columns first, so that an error names `pre.mtype`, not `mtype`.
    bind_condition(condition, schema)?;
    let property = condition.substitute(&|name| Some(Expr::column(name.split_once('.')?.1)));
    let bound = bind_condition(&property, link.cells.schema())?;
    let mut ids = Vec::new();
    for morsel in link.cells.morsels() {
        let block = link.cells.open(&morsel)?;
        let start = morsel.units.start;
        ids.extend(mask(&bound, block.as_ref())?.set_indices().map(|i| link.cells.id_of(start + i)));
    }
    ids.sort_unstable();
    Ok(Some(IdSet::new(ids)))
}

/// The ids in a condition such as `pre == 5`, `pre in [1, 2]`. Where ids are those of several populations (`packed`), a
/// plain number names no single cell.
fn named_ids(condition: &Expr, packed: bool) -> Option<IdSet> {
    let column = |e: &Expr| matches!(e, Expr::Column(name) if !name.contains('.'));
    let int = |v: &Value| if let Value::Int(i) = v { Some(*i) } else { None };
    match condition {
        Expr::In(e, Members::Ids(ids)) if column(e) => Some(ids.clone()),
        _ if packed => None,
        Expr::In(e, Members::Values(values)) if column(e) => values.iter().map(int).collect(),
        Expr::Binary(BinaryOp::Equal, a, b) => match (&**a, &**b) {
            (e, Expr::Literal(v)) | (Expr::Literal(v), e) if column(e) => Some(IdSet::new(vec![int(v)?])),
            _ => None,
        },
        _ => None,
    }
}
