//! Groups of cells: every way of naming some cells comes to a set of ids.

use super::{Expr, Members, Table, Value, sql};
use crate::diag::{Code, Error, Result, did_you_mean};
use crate::model::{Circuit, IdSet, Source, merged};

/// What a user wrote to name some cells.
#[derive(Clone, Debug)]
pub enum Group {
    /// All cells.
    All,
    /// These ids, in this order, as a user wrote them.
    Ids(IdSet),
    /// Cells of these populations (of none, where the format has no populations).
    Of(Vec<String>, IdSet),
    /// The name of a target or node set, an SQL condition, or a SELECT that returns ids.
    Text(String),
    /// Several such texts: the cells of any, in this order.
    Texts(Vec<String>),
    /// The cells for which a condition on their properties holds.
    Where(Expr),
}

impl Group {
    /// The ids of a group; `None` stands for all cells.
    ///
    /// # Errors
    /// A name that does not exist, a condition that does not fit the cells' properties. Ids of the legacy format are
    /// not checked: a target may name virtual cells.
    pub fn resolve(&self, circuit: &Circuit) -> Result<Option<IdSet>> {
        match self {
            Group::All => Ok(None),
            Group::Ids(ids) => written_ids(ids, circuit).map(Some),
            Group::Of(populations, ids) => translated(populations, ids, &circuit.populations).map(Some),
            Group::Text(text) => text_group(text, circuit).map(Some),
            Group::Texts(texts) => {
                let mut ids = Vec::new();
                for text in texts {
                    ids.extend_from_slice(text_group(text, circuit)?.listed());
                }
                Ok(Some(IdSet::new(ids)))
            }
            Group::Where(condition) => cells_where(condition, circuit).map(Some),
        }
    }
}

/// Ids that a user wrote: where there are populations they must exist, and mean the cells of that id in each.
fn written_ids(ids: &IdSet, circuit: &Circuit) -> Result<IdSet> {
    let cells = &circuit.cells;
    if circuit.populations.is_empty() {
        return Ok(ids.clone());
    }
    let mut found = Vec::with_capacity(ids.len());
    for &id in ids.listed() {
        let before = found.len();
        let packed = (0..circuit.populations.len()).map(|at| merged::pack(at, id));
        found.extend(packed.filter(|&id| id >= 0 && cells.row_of(id).is_some()));
        if found.len() == before || id < 0 {
            let whose = match circuit.populations.as_slice() {
                [one] => format!("the population `{one}` has"),
                several => format!("the populations {} have", several.join(", ")),
            };
            return Err(Error::new(Code::Name, format!("{whose} no cell {id}")).help(cells.describe_ids()));
        }
    }
    Ok(IdSet::new(found))
}

/// Cells of some populations as ids of a view of others.
fn translated(from: &[String], ids: &IdSet, to: &[String]) -> Result<IdSet> {
    if from == to {
        return Ok(ids.clone());
    }
    let place: Vec<Option<usize>> = from.iter().map(|name| to.iter().position(|t| t == name)).collect();
    let one = |&id: &i64| {
        let (at, id) = if from.len() > 1 { merged::unpack(id) } else { (0, id) };
        let to_at = place.get(at).copied().flatten().ok_or_else(|| {
            let name = from.get(at).map_or("another circuit", String::as_str);
            Error::argument(format!(
                "these are cells of `{name}`, where cells of {} are expected",
                to.join(", ")
            ))
        })?;
        Ok(if to.len() > 1 { merged::pack(to_at, id) } else { id })
    };
    ids.listed().iter().map(one).collect()
}

/// The rows whose place, in the columns of three coordinates, lies in a closed sphere: its distance to the centre is at
/// most `radius` (µm).
pub fn sphere([x, y, z]: [&str; 3], center: [f64; 3], radius: f64) -> Expr {
    let square = |axis: &str, at: f64| {
        let from = Expr::binary(super::BinaryOp::Subtract, Expr::column(axis), Expr::literal(at));
        Expr::binary(super::BinaryOp::Multiply, from.clone(), from)
    };
    let add = |a, b| Expr::binary(super::BinaryOp::Add, a, b);
    let squares = add(add(square(x, center[0]), square(y, center[1])), square(z, center[2]));
    Expr::binary(super::BinaryOp::LessOrEqual, squares, Expr::literal(radius * radius))
}

/// The rows whose place, in the columns of three coordinates, lies in a closed box (µm).
pub fn cuboid([x, y, z]: [&str; 3], low: [f64; 3], high: [f64; 3]) -> Expr {
    let axis =
        |name: &str, i: usize| Expr::column(name).between(Expr::literal(low[i]), Expr::literal(high[i]));
    axis(x, 0).and(axis(y, 1)).and(axis(z, 2))
}

/// The cells for which a condition holds. A target on its own keeps its virtual cells; together with a property it
/// cannot be asked of them.
fn cells_where(condition: &Expr, circuit: &Circuit) -> Result<IdSet> {
    if let Expr::In(id, Members::Group(name)) = condition
        && matches!(&**id, Expr::Column(column) if column == "id")
    {
        return text_group(name, circuit);
    }
    let mut virtual_cells = Ok(());
    condition.walk(&mut |e| {
        if let Expr::In(_, Members::Group(name)) = e
            && virtual_cells.is_ok()
        {
            virtual_cells = text_group(name, circuit).and_then(|ids| real_cells(name, &ids, circuit));
        }
    });
    virtual_cells?;
    let condition = condition.with_groups(&|name| text_group(name, circuit))?;
    let condition = condition.substitute(&|name| population_fact(name, circuit));
    let found = Table::of(circuit.cells.clone()).filter(condition)?;
    ids_in(&found, "id")
}

/// What holds for all cells of a population, asked as a property: its name (`population`) and its type
/// (`population_type`).
fn population_fact(name: &str, circuit: &Circuit) -> Option<Expr> {
    let network = circuit.network.as_ref().filter(|_| circuit.cells.schema().find(name).is_none())?;
    let fact = |population: &String| match name {
        "population" => Some(population.clone()),
        "population_type" => network.node(population).ok().map(|p| p.kind.clone()),
        _ => None,
    };
    let facts = circuit.populations.iter().map(|p| Some((p, fact(p)?))).collect::<Option<Vec<_>>>()?;
    let (last, others) = facts.split_last()?;
    let of = |(population, fact): &(&String, String), rest| {
        let is_it = Expr::binary(
            super::BinaryOp::Equal,
            Expr::column("population"),
            Expr::literal(population.as_str()),
        );
        Expr::If(Box::new(is_it), Box::new(Expr::literal(fact.as_str())), Box::new(rest))
    };
    Some(others.iter().fold(Expr::literal(last.1.as_str()), |rest, one| of(one, rest)))
}

/// An error if a target names cells that the circuit does not have.
fn real_cells(name: &str, ids: &IdSet, circuit: &Circuit) -> Result<()> {
    let missing = ids.sorted().iter().find(|&&id| circuit.cells.row_of(id).is_none());
    match missing {
        None => Ok(()),
        Some(id) => Err(Error::argument(format!(
            "the target `{name}` names the virtual cell {id}, which has no properties to choose by"
        ))),
    }
}

/// The ids in a column of whole numbers.
fn ids_in(table: &Table, column: &str) -> Result<IdSet> {
    let column = table.column(column)?;
    let ids = super::eval::normalised(column.values)?;
    let id = |i: usize| match super::eval::value_at(&ids, i) {
        Value::Int(id) => Ok(id),
        other => {
            Err(Error::argument(format!("`{}` holds {other}, which is not a cell id", column.spec.name)))
        }
    };
    (0..ids.len()).map(id).collect()
}

fn text_group(text: &str, circuit: &Circuit) -> Result<IdSet> {
    let targets = circuit.targets.get()?;
    if targets.entry(text).is_some() {
        // Ids below the first are those of no cell anywhere, not even of a virtual one.
        let first = circuit.format.first_id();
        let ids = targets.resolve(text)?;
        let known = ids.sorted().first().is_none_or(|&id| id >= first);
        return Ok(if known {
            ids
        } else {
            ids.listed().iter().copied().filter(|&id| id >= first).collect()
        });
    }
    if let Some(id) = population_id(text, circuit) {
        return Ok(IdSet::new(vec![id]));
    }
    let trimmed = text.trim();
    if trimmed.get(..6).is_some_and(|s| s.eq_ignore_ascii_case("select")) {
        let table = sql::select(trimmed, &super::CircuitTables(circuit))?;
        let first = table.schema().columns().first().map(|c| c.name.clone()).unwrap_or_default();
        return ids_in(&table, &first);
    }
    let names: Vec<String> = targets.entries().into_iter().map(|t| t.name).collect();
    let neither = |reason: String| {
        let mut error = Error::new(Code::Name, format!("there is no target `{text}`"));
        if let Some(help) = did_you_mean(text, &names) {
            error = error.help(help);
        }
        error.help(format!("it was also read as an SQL condition on the cells: {reason}"))
    };
    // One word is a name, whatever SQL makes of it.
    match sql::condition(trimmed) {
        Ok(Expr::Column(_) | Expr::Literal(_)) => match mtype(text, circuit)? {
            Some(ids) => Ok(ids),
            None => Err(neither("one word is not a condition".to_owned())),
        },
        Ok(condition) => cells_where(&condition, circuit).map_err(|e| match e.code() {
            Code::Name | Code::Argument => {
                let help = e.helps().first().map(|help| format!(" ({help})"));
                neither(format!("{}{}", e.message(), help.unwrap_or_default()))
            }
            _ => e,
        }),
        Err(e) => match mtype(text, circuit)? {
            Some(ids) => Ok(ids),
            None => Err(neither(e.message().to_owned())),
        },
    }
}

/// A cell written as `population:id`.
fn population_id(text: &str, circuit: &Circuit) -> Option<i64> {
    let (population, id) = text.rsplit_once(':')?;
    let at = circuit.populations.iter().position(|name| name == population)?;
    let id = merged::pack(at, id.parse().ok()?);
    circuit.cells.row_of(id).map(|_| id)
}

/// The cells of an m-type, where no target is called so: a pathway is named by m-types in any circuit.
fn mtype(name: &str, circuit: &Circuit) -> Result<Option<IdSet>> {
    if circuit.cells.schema().find("mtype").is_none() {
        return Ok(None);
    }
    let is_it = Expr::binary(super::BinaryOp::Equal, Expr::column("mtype"), Expr::literal(name));
    let ids = cells_where(&is_it, circuit)?;
    Ok((!ids.is_empty()).then_some(ids))
}

impl Expr {
    /// The same with every named group replaced by the ids of its cells.
    ///
    /// # Errors
    /// What `resolve` fails with.
    pub fn with_groups(&self, resolve: &dyn Fn(&str) -> Result<IdSet>) -> Result<Expr> {
        let go = |e: &Expr| Ok::<_, Error>(Box::new(e.with_groups(resolve)?));
        Ok(match self {
            Expr::In(e, Members::Group(name)) => Expr::In(go(e)?, Members::Ids(resolve(name)?)),
            Expr::In(e, members) => Expr::In(go(e)?, members.clone()),
            Expr::Not(e) => Expr::Not(go(e)?),
            Expr::Negate(e) => Expr::Negate(go(e)?),
            Expr::Binary(op, a, b) => Expr::Binary(*op, go(a)?, go(b)?),
            Expr::Match(e, pattern) => Expr::Match(go(e)?, pattern.clone()),
            Expr::IsNull(e) => Expr::IsNull(go(e)?),
            Expr::If(c, a, b) => Expr::If(go(c)?, go(a)?, go(b)?),
            Expr::Column(_) | Expr::Literal(_) | Expr::Call(..) | Expr::Script(_) => self.clone(),
        })
    }
}

/// The rows of a group, as a table of the circuit's cells.
///
/// # Errors
/// When the group cannot be resolved.
pub fn cells_of(circuit: &Circuit, ids: Option<&IdSet>) -> Table {
    match ids {
        None => Table::of(circuit.cells.clone()),
        Some(ids) => Table::of(std::sync::Arc::new(ChosenCells::new(circuit.cells.clone(), ids.clone()))),
    }
}

/// Some cells of a circuit, in the order in which they were named.
struct ChosenCells {
    cells: std::sync::Arc<crate::model::CellTable>,
    ids: IdSet,
}

impl ChosenCells {
    fn new(cells: std::sync::Arc<crate::model::CellTable>, ids: IdSet) -> Self {
        ChosenCells { cells, ids }
    }

    /// The rows of some of the ids in the table of all cells.
    fn rows(&self, ids: &[i64]) -> Result<arrow_array::UInt32Array> {
        let missing: Vec<i64> = ids.iter().copied().filter(|&id| self.cells.row_of(id).is_none()).collect();
        if let Some(first) = missing.first() {
            let which = if missing.len() == 1 {
                format!("the circuit has no cell {first}")
            } else {
                let shown: Vec<String> = missing.iter().take(5).map(ToString::to_string).collect();
                let more = if missing.len() > 5 {
                    format!(" and {} more", missing.len() - 5)
                } else {
                    String::new()
                };
                format!("the circuit has no cells {}{more}", shown.join(", "))
            };
            return Err(Error::new(Code::Name, which).help(format!(
                "{}; other ids are virtual and have no properties",
                self.cells.describe_ids()
            )));
        }
        Ok(ids.iter().map(|&id| self.cells.row_of(id).map(|r| r as u32)).collect())
    }
}

impl Source for ChosenCells {
    fn schema(&self) -> &std::sync::Arc<crate::model::Schema> {
        self.cells.schema()
    }

    fn row_count(&self) -> Option<u64> {
        Some(self.ids.len() as u64)
    }

    fn morsels(&self) -> Vec<crate::model::Morsel> {
        crate::model::Morsel::cut(self.ids.len())
    }

    fn open(&self, morsel: &crate::model::Morsel) -> Result<Box<dyn crate::model::Block + '_>> {
        Ok(Box::new(ChosenBlock { chosen: self, ids: &self.ids.listed()[morsel.units.clone()] }))
    }

    fn describe(&self) -> Vec<String> {
        vec![format!("{} of {} cells of {}", self.ids.len(), self.cells.count(), self.cells.origin())]
    }
}

struct ChosenBlock<'a> {
    chosen: &'a ChosenCells,
    ids: &'a [i64],
}

impl crate::model::Block for ChosenBlock<'_> {
    fn rows(&self) -> usize {
        self.ids.len()
    }

    fn column(&self, index: usize) -> Result<arrow_array::ArrayRef> {
        // The ids themselves are known also of virtual cells.
        if index == 0 {
            return Ok(std::sync::Arc::new(arrow_array::Int64Array::from(self.ids.to_vec())));
        }
        let rows = self.chosen.rows(self.ids)?;
        super::eval::ok(arrow_select::take::take(self.chosen.cells.column(index)?, &rows, None))
    }
}
