//! Statements and conditions: what they give, what they refuse, and that no text makes them panic.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, StringArray};
use arrow_schema::DataType;
use proptest::prelude::*;

use super::{Tables, condition, select};
use crate::diag::{Deferred, Error, Result};
use crate::model::{CellTable, Column, ColumnSpec, Frame, IdSet, Schema};
use crate::query::{Table, Value, row_values};

struct World {
    cells: Arc<CellTable>,
    synapses: Table,
    extra: Table,
}

impl Tables for World {
    fn table(&self, name: &str) -> Result<Table> {
        match name {
            "cells" => Ok(Table::of(self.cells.clone())),
            "synapses" => Ok(self.synapses.clone()),
            "extra" => Ok(self.extra.clone()),
            _ => Err(Error::unknown("table", name, ["cells", "synapses", "extra"])),
        }
    }

    fn group(&self, name: &str) -> Result<IdSet> {
        if name == "Deep Cells" {
            Ok(IdSet::new(vec![3, 4]))
        } else {
            Err(Error::unknown("target", name, ["Deep Cells"]))
        }
    }
}

fn world() -> World {
    let ready = |array: ArrayRef| Deferred::ready(array);
    let cells = CellTable::new(
        1,
        4,
        vec![
            (ColumnSpec::new("id", DataType::Int64), ready(Arc::new(Int64Array::from(vec![1, 2, 3, 4])))),
            (
                ColumnSpec::new("mtype", DataType::Utf8),
                ready(Arc::new(StringArray::from(vec!["A", "B", "A", "A"]))),
            ),
            (ColumnSpec::new("layer", DataType::Int64), ready(Arc::new(Int64Array::from(vec![4, 5, 5, 6])))),
            (
                ColumnSpec::new("y", DataType::Float64).unit("µm"),
                ready(Arc::new(Float64Array::from(vec![10.0, 20.0, 30.0, 40.0]))),
            ),
        ],
        "a test",
    );
    let columns: Vec<(ColumnSpec, ArrayRef)> = vec![
        (ColumnSpec::new("pre", DataType::Int64), Arc::new(Int64Array::from(vec![1, 1, 2, 3]))),
        (ColumnSpec::new("post", DataType::Int64), Arc::new(Int64Array::from(vec![2, 3, 3, 4]))),
        (
            ColumnSpec::new("conductance", DataType::Float64).aliases(&["g_syn"]),
            Arc::new(Float64Array::from(vec![0.5, 1.5, 2.0, 4.0])),
        ),
    ];
    let (specs, arrays): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    let schema = Schema::new(specs).linked("pre", &cells).linked("post", &cells);
    let synapses = Table::in_memory(Frame::with_schema(Arc::new(schema), arrays, 4).expect("a frame"));
    let column = |name: &str, values: ArrayRef| Column {
        spec: ColumnSpec::new(name, values.data_type().clone()),
        values,
    };
    let extra = Frame::new(vec![
        column("layer", Arc::new(Int64Array::from(vec![4, 5, 7]))),
        column("y", Arc::new(Float64Array::from(vec![400.0, 500.0, 700.0]))),
        column("note", Arc::new(StringArray::from(vec![Some("four"), None, Some("seven")]))),
    ]);
    World { cells, synapses, extra: Table::in_memory(extra.expect("a frame")) }
}

/// The header and the rows of a statement, as text.
fn shown(text: &str) -> String {
    let frame = match select(text, &world()).and_then(|t| t.frame()) {
        Ok(frame) => frame,
        Err(error) => return format!("error: {error}"),
    };
    let header = frame.schema().columns().iter().map(|c| c.name.clone()).collect::<Vec<_>>().join(" ");
    let row = |r| row_values(&frame, r).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    std::iter::once(header).chain((0..frame.rows()).map(row)).collect::<Vec<_>>().join(" | ")
}

fn gives(text: &str, expected: &str) {
    assert_eq!(shown(text), expected, "{text}");
}

fn refused(text: &str, expected: &str) {
    let shown = shown(text);
    assert!(shown.starts_with("error: ") && shown.contains(expected), "{text} gives {shown}");
}

fn reads(text: &str, expected: &str) {
    let shown = condition(text).map_or_else(|e| format!("error: {e}"), |e| e.to_string());
    assert_eq!(shown, expected, "{text}");
}

#[test]
fn conditions() {
    reads(
        "layer = 5 AND etype LIKE 'c%' AND y BETWEEN 600 AND 900",
        "(layer == 5) && etype like \"c%\" && (y >= 600) && (y <= 900)",
    );
    reads("layer == 5 or layer <> 6 or layer != 4", "(layer == 5) || (layer != 6) || (layer != 4)");
    reads("mtype IN ('L4_PC', 'L5_BP')", "mtype in [\"L4_PC\", \"L5_BP\"]");
    reads("layer NOT IN (1, 2)", "!(layer in [1, 2])");
    reads("pre IN (post, 3)", "(pre == post) || (pre == 3)");
    reads("NOT (x > 1.5)", "!(x > 1.5)");
    reads("mtype IS NULL OR mtype IS NOT NULL", "mtype == () || !(mtype == ())");
    reads("mtype NOT LIKE '%PC'", "!(mtype like \"%PC\")");
    reads("mtype LIKE 'L5\\_%' ESCAPE '\\'", "mtype like \"L5\\_%\"");
    reads("mtype LIKE '50!%!!\\%' ESCAPE '!'", "mtype like \"50\\%\\!\\\\%\"");
    reads("mtype ILIKE 'l5%'", "mtype ilike \"l5%\"");
    reads("mtype REGEXP '^L5'", "mtype matches \".*(?:^L5).*\"");
    reads("mtype RLIKE 'PC$'", "mtype matches \".*(?:PC$).*\"");
    reads("mtype ~* 'pc'", "mtype matches \".*(?i:pc).*\"");
    reads("mtype !~ 'PC'", "!(mtype matches \".*(?:PC).*\")");
    reads("mtype SIMILAR TO 'L(4|5)%'", "mtype matches \"L(4|5).*\"");
    reads(
        "\"pre.mtype\" = 'A' AND pre.layer = 4 AND `post.y` > -1",
        "(pre.mtype == \"A\") && (pre.layer == 4) && (post.y > -1)",
    );
    reads("abs(x - 1) + sqrt(y) * 2 > floor(z) % 3", "(abs(x - 1) + (sqrt(y) * 2)) > (floor(z) % 3)");
    reads(
        "CAST(x AS INT) = 3 AND CAST(layer AS DOUBLE) > 1.5",
        "(to_int(x) == 3) && (to_float(layer) > 1.5)",
    );
    reads(
        "CASE WHEN x > 1 THEN 'a' WHEN x > 0 THEN 'b' ELSE 'c' END = 'a'",
        "if x > 1 { \"a\" } else { if x > 0 { \"b\" } else { \"c\" } } == \"a\"",
    );
    reads("CASE layer WHEN 4 THEN TRUE ELSE FALSE END", "if layer == 4 { true } else { false }");
    reads("coalesce(x, y, 0) > 1", "if x == () { if y == () { 0 } else { y } } else { x } > 1");
    reads("starts_with(mtype, 'L5')", "mtype.starts_with(\"L5\")");
    reads("regexp_matches(mtype, 'L[45]')", "mtype matches \".*(?:L[45]).*\"");
    reads("greatest(x, y) > least(x, 2)", "max(x, y) > min(x, 2)");
    reads("lower(mtype) = 'a' AND length(mtype) > 2", "(to_lower(mtype) == \"a\") && (len(mtype) > 2)");
    reads("power(x, 2) > 4", "(to_float(x) ** 2) > 4");
    reads("mtype = 'it''s'", "mtype == \"it's\"");
    reads("x > 1e3", "x > 1000.0");
}

#[test]
fn a_long_row_of_ors_is_not_deep() {
    let text = (0..20_000).map(|i| format!("id = {i}")).collect::<Vec<_>>().join(" OR ");
    let found = condition(&text).map(crate::query::Expr::conjuncts).expect("a condition");
    assert_eq!(found.len(), 1);
    let table = Table::of(world().cells).filter(condition(&text).expect("a condition")).expect("a table");
    assert_eq!(table.count().expect("a count"), 4);
}

#[test]
fn bad_conditions_say_what_and_where() {
    let error = |text: &str| condition(text).expect_err("an error").to_string();
    assert!(error("layer = ").contains("SQL:"));
    assert!(error("layer = 5 5").contains("`5` was not expected (column 11)"));
    assert!(error("absolute(x) > 1").contains("no SQL function `absolute`"));
    assert!(
        error("x > 0 AND sqr(x) > 1").contains("did you mean `sqrt`")
            && error("x > 0 AND sqr(x) > 1").contains("column 11")
    );
    assert!(error("sqrt(x, y) > 1").contains("takes 1 arguments, not 2 (column 1)"));
    assert!(error("count(*) > 1").contains("cannot stand here (column 1)"));
    assert!(error("x > 1 AND EXISTS (SELECT 1)").contains("not supported"));
    assert!(error("id IN (SELECT id FROM cells)").contains("cannot be reached"));
    assert!(error("mtype LIKE x").contains("the pattern `x` is not supported"));
    assert!(error(&"(".repeat(5000)).contains("nested too deeply"));
    assert!(error(&format!("{}x", "-(".repeat(150))).starts_with("SQL:"));
    assert!(error(&format!("x{} > 0", " + 1".repeat(3000))).contains("nested too deeply"));
    assert!(error("mtype = 'A").contains("SQL:"));
}

#[test]
fn columns_rows_and_order() {
    gives("SELECT id, y FROM cells WHERE layer = 5 ORDER BY y DESC", "id y | 3 30.0 | 2 20.0");
    gives("SELECT DISTINCT c.mtype FROM cells c ORDER BY 1 DESC", "mtype | \"B\" | \"A\"");
    gives("SELECT y * 2 AS d FROM cells ORDER BY d DESC LIMIT 2", "d | 80.0 | 60.0");
    gives("SELECT id FROM cells ORDER BY -y LIMIT 2 OFFSET 1", "id | 3 | 2");
    gives("SELECT id FROM cells LIMIT 1, 2", "id | 2 | 3");
    gives("SELECT * FROM cells WHERE id = 1", "id mtype layer y | 1 \"A\" 4 10.0");
    gives("SELECT cells.* FROM cells WHERE id = 1;", "id mtype layer y | 1 \"A\" 4 10.0");
    gives("SELECT pre.mtype, post FROM synapses WHERE post.layer = 6", "pre.mtype post | \"A\" 4");
    gives(
        "SELECT s.pre.mtype AS m, s.g_syn FROM synapses AS s WHERE s.pre.y >= 20 ORDER BY m",
        "m g_syn | \"A\" 4.0 | \"B\" 2.0",
    );
    gives(
        "SELECT id FROM cells WHERE id IN (SELECT post FROM synapses WHERE conductance > 1.8)",
        "id | 3 | 4",
    );
    gives("SELECT id FROM cells WHERE y > (SELECT avg(y) FROM cells)", "id | 3 | 4");
    gives("SELECT id FROM cells WHERE id IN \"Deep Cells\"", "id | 3 | 4");
    gives(
        "SELECT CASE WHEN y > 15 THEN 'deep' ELSE 'high' END AS place, id FROM cells LIMIT 2",
        "place id | \"high\" 1 | \"deep\" 2",
    );
}

#[test]
fn groups() {
    gives(
        "SELECT mtype, count(*) AS n, avg(y) / 2 AS half FROM cells GROUP BY mtype ORDER BY n DESC",
        "mtype n half | \"A\" 3 13.333333333333334 | \"B\" 1 10.0",
    );
    gives("SELECT mtype, count(*) AS n FROM cells GROUP BY mtype HAVING n > 1", "mtype n | \"A\" 3");
    gives("SELECT mtype FROM cells GROUP BY mtype HAVING count(*) > 1 AND max(y) > 30", "mtype | \"A\"");
    gives("SELECT mtype, count(*) AS n FROM cells GROUP BY 1 ORDER BY n * -1", "mtype n | \"A\" 3 | \"B\" 1");
    gives(
        "SELECT layer > 4 AS deep, sum(y) FROM cells GROUP BY deep ORDER BY deep",
        "deep sum(y) | false 10.0 | true 90.0",
    );
    gives(
        "SELECT count(*), count(DISTINCT mtype), min(y), max(y), median(y), std(y), var_samp(layer) FROM cells",
        "count(*) count(DISTINCT mtype) min(y) max(y) median(y) std(y) var_samp(layer) | 4 2 10.0 40.0 25.0 11.180339887498949 0.6666666666666666",
    );
    gives(
        "SELECT quantile(y, 0.5) AS q, percentile(y, 50) AS p, bool_or(layer = 6) AS o, all(y > 10) AS a FROM cells",
        "q p o a | 25.0 25.0 true false",
    );
    gives(
        "SELECT count(*) FILTER (WHERE layer = 5) AS five, sum(y) FILTER (WHERE mtype = 'A') AS a FROM cells",
        "five a | 2 80.0",
    );
    gives(
        "SELECT sum(conductance) / count(*) AS g, post.layer FROM synapses GROUP BY post.layer ORDER BY g DESC",
        "g post.layer | 4.0 6 | 1.3333333333333333 5",
    );
    gives("SELECT count(1) FROM cells WHERE layer > 100", "count(1) | 0");
    gives(
        "SELECT mtype FROM (SELECT mtype, count(*) AS n FROM cells GROUP BY mtype) AS t WHERE t.n = 1",
        "mtype | \"B\"",
    );
}

#[test]
fn joins() {
    // Over a link nothing is joined: the cells' properties are in reach.
    gives(
        "SELECT c.mtype, count(*) AS n FROM synapses s JOIN cells c ON s.pre = c.id GROUP BY c.mtype ORDER BY n DESC",
        "mtype n | \"A\" 3 | \"B\" 1",
    );
    gives(
        "SELECT a.layer AS f, b.layer AS t FROM synapses s JOIN cells a ON a.id = s.pre JOIN cells b ON s.post = b.id WHERE b.mtype = 'A' ORDER BY f DESC, t",
        "f t | 5 5 | 5 6 | 4 5",
    );
    gives(
        "SELECT mtype FROM synapses JOIN cells ON pre = id WHERE conductance > 1 ORDER BY conductance DESC",
        "mtype | \"A\" | \"B\" | \"A\"",
    );
    gives(
        "SELECT * FROM synapses s JOIN cells c ON s.pre = c.id WHERE s.post = 4",
        "pre post conductance id mtype layer y | 3 4 4.0 3 \"A\" 5 30.0",
    );
    // Columns of the same name stay apart.
    gives(
        "SELECT a.y, b.y, b.y - a.y AS d FROM cells a JOIN extra b ON a.layer = b.layer ORDER BY a.id",
        "y b.y d | 10.0 400.0 390.0 | 20.0 500.0 480.0 | 30.0 500.0 470.0",
    );
    gives(
        "SELECT a.id, b.id AS other FROM cells a JOIN cells b ON a.layer = b.layer AND a.id < b.id",
        "id other | 2 3",
    );
    gives("SELECT id, note FROM cells JOIN extra USING (layer) WHERE layer = 4", "id note | 1 \"four\"");
    gives(
        "SELECT c.id, e.layer FROM cells c LEFT JOIN extra e ON c.layer = e.layer WHERE e.layer IS NULL",
        "id layer | 4 ()",
    );
    gives(
        "SELECT c.id, e.note FROM cells c LEFT JOIN extra e ON c.layer = e.layer AND e.y < 450 ORDER BY c.id",
        "id note | 1 \"four\" | 2 () | 3 () | 4 ()",
    );
    gives("SELECT id FROM cells SEMI JOIN extra ON cells.layer = extra.layer", "id | 1 | 2 | 3");
    gives("SELECT id FROM cells ANTI JOIN extra ON cells.layer = extra.layer", "id | 4");
    gives(
        "SELECT c.id, s.pre.layer AS l FROM cells c JOIN synapses s ON c.id = s.post ORDER BY c.id, l",
        "id l | 2 4 | 3 4 | 3 5 | 4 5",
    );
    gives(
        "SELECT e.note, count(*) AS n FROM synapses s JOIN cells c ON s.pre = c.id JOIN extra e ON c.layer = e.layer GROUP BY e.note ORDER BY n, e.note",
        "note n | \"four\" 2 | () 2",
    );
    gives("SELECT c.id FROM cells c JOIN extra e ON c.layer + 1 = e.layer", "id | 1 | 4");
    refused("SELECT y FROM cells a JOIN extra b ON a.layer = b.layer", "write `a.y` or `b.y`");
    refused("SELECT a.yy FROM cells a JOIN extra b ON a.layer = b.layer", "no column in `a` called `yy`");
    refused("SELECT * FROM cells JOIN cells ON cells.id = cells.id", "two tables are called `cells`");
    refused("SELECT * FROM cells a JOIN extra b ON a.layer > b.layer", "which columns are equal");
    refused("SELECT * FROM cells a LEFT JOIN extra b ON a.layer = b.layer AND a.y < b.y", "not supported");
    refused("SELECT * FROM cells, extra", "not supported");
    refused("SELECT * FROM cells CROSS JOIN extra", "not supported");
}

#[test]
fn with_and_union() {
    gives(
        "WITH deep AS (SELECT id, y FROM cells WHERE y > 15), far AS (SELECT id FROM deep WHERE y > 35) SELECT count(*) AS n FROM deep ANTI JOIN far ON deep.id = far.id",
        "n | 2",
    );
    gives(
        "SELECT mtype FROM cells WHERE id = 1 UNION SELECT mtype FROM cells WHERE id < 3 ORDER BY mtype DESC",
        "mtype | \"B\" | \"A\"",
    );
    gives(
        "SELECT id AS n FROM cells WHERE id < 3 UNION ALL SELECT layer FROM cells WHERE id < 3 ORDER BY n DESC LIMIT 3",
        "n | 5 | 4 | 2",
    );
    refused("SELECT id FROM cells UNION SELECT id, y FROM cells", "1 and 2 columns");
    refused("SELECT id FROM cells EXCEPT SELECT id FROM cells", "EXCEPT is not supported");
    refused("WITH RECURSIVE a AS (SELECT 1) SELECT * FROM a", "not supported");
}

#[test]
fn says_what_is_wrong() {
    refused("SELECT mtyp FROM cells", "did you mean `mtype`");
    refused("SELECT c.mtyp FROM cells c", "did you mean `mtype`");
    refused("SELECT y, count(*) FROM cells GROUP BY mtype", "`y` is neither in GROUP BY");
    refused("SELECT id FROM cells WHERE mtype = \"A\"", "single quotes: 'A'");
    refused("SELECT averag(y) FROM cells", "there is no SQL function `averag`");
    refused("SELECT * FROM cels", "did you mean `cells`");
    refused("DELETE FROM cells", "only SELECT");
    refused("SELECT FROM WHERE", "SQL:");
    refused("SELECT id FROM cells; SELECT id FROM cells", "one statement at a time");
    refused("", "empty");
    refused(
        "SELECT count(*) OVER (PARTITION BY mtype) FROM cells",
        "a window function is not supported (column 8)",
    );
    refused("SELECT id FROM cells WHERE count(*) > 1", "cannot stand here");
    refused("SELECT sum(count(*)) FROM cells", "cannot stand here");
    refused("SELECT id FROM cells HAVING id > 1", "HAVING needs");
    refused("SELECT id FROM cells ORDER BY 5", "no column 5");
    refused("SELECT id FROM cells LIMIT 'x'", "not a number of rows");
    refused("SELECT DISTINCT ON (mtype) id FROM cells", "DISTINCT ON is not supported");
    refused("SELECT * EXCEPT (id) FROM cells", "not supported");
    refused("SELECT id FROM cells ORDER BY id NULLS FIRST", "NULLS FIRST");
    refused("SELECT id FROM cells TABLESAMPLE BERNOULLI (10)", "in FROM is not supported");
    refused("SELECT id FROM cells WHERE mtype > 1", "cannot be compared");
    refused("SELECT (SELECT id FROM cells) AS x FROM cells", "must give one value");
    refused("SELECT id FROM cells WHERE id IN Deep", "no target `Deep`");
}

/// Words of which statements are made.
fn words() -> impl Strategy<Value = String> {
    let words = vec![
        "SELECT",
        "FROM",
        "WHERE",
        "cells",
        "synapses",
        "extra",
        "c",
        "JOIN",
        "LEFT",
        "ON",
        "USING",
        "GROUP",
        "BY",
        "HAVING",
        "ORDER",
        "LIMIT",
        "OFFSET",
        "AND",
        "OR",
        "NOT",
        "IN",
        "LIKE",
        "REGEXP",
        "'['",
        "IS",
        "NULL",
        "CASE",
        "WHEN",
        "THEN",
        "ELSE",
        "END",
        "(",
        ")",
        ",",
        ".",
        "*",
        "+",
        "-",
        "/",
        "%",
        "=",
        "<",
        ">",
        "id",
        "mtype",
        "layer",
        "y",
        "pre",
        "post",
        "pre.mtype",
        "count(*)",
        "sum(y)",
        "quantile(y, 2)",
        "max",
        "abs",
        "'A'",
        "\"id\"",
        "1",
        "0",
        "9223372036854775807",
        "-9223372036854775808",
        "1e400",
        "AS",
        "DISTINCT",
        "UNION",
        "WITH",
        "BETWEEN",
        "CAST",
        "INT",
        "::",
        "||",
        ";",
        "?",
        "$1",
        "[1]",
        "FILTER",
        "OVER",
    ];
    prop::collection::vec(prop::sample::select(words), 0..24).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn no_text_makes_it_panic(text in prop_oneof![words(), "\\PC{0,80}", words().prop_map(|w| format!("SELECT * FROM cells {w}")),
        words().prop_map(|w| format!("SELECT {w} FROM cells c JOIN extra e ON c.layer = e.layer"))]) {
        let _ = condition(&text).and_then(|c| Table::of(world().cells).filter(c)?.count());
        let _ = select(&text, &world()).and_then(|t| t.frame());
    }

    #[test]
    fn a_between_is_two_comparisons(low in -50i64..50, high in -50i64..50) {
        let count = |text: String| select(&text, &world()).and_then(|t| t.value(crate::query::Aggregate::Max(crate::query::Expr::column("n"))));
        let between = count(format!("SELECT count(*) AS n FROM cells WHERE y BETWEEN {low} AND {high}")).expect("a count");
        let two = count(format!("SELECT count(*) AS n FROM cells WHERE y >= {low} AND y <= {high}")).expect("a count");
        prop_assert_eq!(between, two);
    }
}

#[test]
fn units_stay() {
    let table =
        select("SELECT y, avg(y) AS m, count(*) AS n FROM cells GROUP BY y", &world()).expect("a table");
    let units: Vec<Option<&str>> = table.schema().columns().iter().map(|c| c.unit.as_deref()).collect();
    assert_eq!(units, [Some("µm"), Some("µm"), None]);
    assert_eq!(Value::Null.to_string(), "()");
}

#[test]
fn cells_with_listed_ids_are_reached_over_links() {
    let array = |values: &[i64]| -> ArrayRef { Arc::new(Int64Array::from(values.to_vec())) };
    let column = |name: &str| ColumnSpec::new(name, DataType::Int64);
    let ids = [70, 30, 50];
    let columns = vec![
        (column("id"), Deferred::ready(array(&ids))),
        (column("layer"), Deferred::ready(array(&[1, 2, 3]))),
    ];
    let cells = CellTable::with_ids(ids.to_vec(), columns, "a test").expect("cells");
    let schema = Schema::new(vec![column("pre")]).linked("pre", &cells);
    let pre = Frame::with_schema(Arc::new(schema), vec![array(&[30, 31, 70])], 3).expect("a frame");
    let table = Table::in_memory(pre);
    let layers = table.column("pre.layer").expect("a column").values;
    let layers = arrow_cast::cast(&layers, &DataType::Int64).expect("numbers");
    let expected: ArrayRef = Arc::new(Int64Array::from(vec![Some(2), None, Some(1)]));
    assert_eq!(&layers, &expected);
    let condition = condition("pre.layer = 1").expect("a condition");
    assert_eq!(table.filter(condition).and_then(|t| t.count()).expect("a count"), 1);
}
