use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BooleanArray, DictionaryArray, Float32Array, Float64Array, Int64Array, LargeStringArray,
    StringArray, UInt64Array,
};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::diag::Deferred;
use crate::formats::files_of_the_field;
use crate::model::{ColumnSpec, cell_column};

const FILE: &str = "/c/node_sets.json";

fn table(first_id: i64, columns: Vec<(&str, ArrayRef)>) -> Arc<CellTable> {
    let count = columns.first().map_or(0, |c| c.1.len());
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values((0..count as i64).map(|i| first_id + i)));
    let id = (cell_column("id", ids.data_type().clone()), Deferred::ready(ids));
    let others = columns
        .into_iter()
        .map(|(name, values)| (ColumnSpec::new(name, values.data_type().clone()), Deferred::ready(values)));
    CellTable::new(first_id, count, std::iter::once(id).chain(others).collect(), "/c/nodes.h5")
}

/// Six cells: whole and real numbers, texts (plain, repeated), flags; the last has no region.
fn cells() -> Arc<CellTable> {
    let repeated: DictionaryArray<Int32Type> = ["A", "B", "A", "C", "A", "C"].into_iter().collect();
    table(
        0,
        vec![
            ("layer", Arc::new(Int64Array::from(vec![21, 22, 23, 24, 25, 26]))),
            ("hash", Arc::new(UInt64Array::from(vec![u64::MAX, u64::MAX - 1, 0, 1, 1 << 53, (1 << 53) + 1]))),
            ("x", Arc::new(Float64Array::from(vec![11.0, 12.0, 13.0, 14.0, f64::NAN, 16.0]))),
            ("y", Arc::new(Float32Array::from(vec![0.5, 1.5, 2.5, 3.5, 4.5, 5.5]))),
            ("name", Arc::new(StringArray::from(vec!["aa", "bb", "cc", "dd", "ee", "ff"]))),
            ("long", Arc::new(LargeStringArray::from(vec!["aa", "bb", "cc", "dd", "ee", "ff"]))),
            ("mtype", Arc::new(repeated)),
            ("inner", Arc::new(BooleanArray::from(vec![true, false, true, false, false, true]))),
            (
                "region",
                Arc::new(StringArray::from(vec![
                    Some("S1"),
                    Some("S1"),
                    Some("V1"),
                    Some("V1"),
                    Some(""),
                    None,
                ])),
            ),
            ("nothing", Arc::new(DictionaryArray::<Int32Type>::from_iter([None::<&str>; 6]))),
        ],
    )
}

fn sets(content: &Value) -> Result<Arc<NodeSets>> {
    let mut sets = NodeSets::of_json(&content.to_string(), Path::new(FILE))?;
    sets.add_populations(["cells", "fibres"].map(str::to_owned));
    Ok(Arc::new(sets))
}

fn of(content: &Value) -> Arc<PopulationSets> {
    sets(content).unwrap().of_population("cells", "biophysical", &cells())
}

/// The ids of the set `s` of that rule.
fn ids(rule: &Value) -> Vec<i64> {
    of(&json!({"s": rule, "few": {"node_id": [0, 1]}})).resolve("s").unwrap().listed().to_vec()
}

fn refused(content: &Value, name: &str) -> String {
    let error = sets(content).and_then(|s| s.of_population("cells", "biophysical", &cells()).resolve(name));
    error.map(|ids| ids.listed().to_vec()).unwrap_err().to_string()
}

#[test]
fn rules_choose_cells() {
    let cases = [
        (json!({"layer": 21}), &[0][..]),
        (json!({"layer": 21.0}), &[0]),
        (json!({"layer": [22, 21, 21, 99]}), &[0, 1]),
        (json!({"layer": []}), &[]),
        (json!({"nowhere": []}), &[]),
        (json!({"name": "bb"}), &[1]),
        (json!({"name": ["bb", "zz"]}), &[1]),
        (json!({"long": ["bb", "zz"]}), &[1]),
        (json!({"mtype": ["A", "B"]}), &[0, 1, 2, 4]),
        (json!({"mtype": "unheard of"}), &[]),
        (json!({"nothing": "x"}), &[]),
        (json!({"region": {"$regex": ""}}), &[0, 1, 2, 3, 4]),
        (json!({"inner": true}), &[0, 2, 5]),
        (json!({"inner": [false, true]}), &[0, 1, 2, 3, 4, 5]),
        (json!({"mtype": {"$regex": "^[AC].*"}}), &[0, 2, 3, 4, 5]),
        (json!({"name": {"$regex": "^(aa|bb|ff)"}}), &[0, 1, 5]),
        (json!({"region": {"$regex": "1"}}), &[0, 1, 2, 3]),
        (json!({"layer": {"$gt": 23}}), &[3, 4, 5]),
        (json!({"layer": {"$gte": 23}}), &[2, 3, 4, 5]),
        (json!({"layer": {"$lt": 23}}), &[0, 1]),
        (json!({"layer": {"$lte": 22.5}}), &[0, 1]),
        (json!({"layer": {"$gt": 21, "$lt": 24}}), &[1, 2]),
        (json!({"x": {"$gt": 12.5}}), &[2, 3, 5]),
        (json!({"$not": {"x": {"$gt": 12.5}}}), &[0, 1, 4]),
        (json!({"y": {"$gte": 1.5, "$lte": 3.5}}), &[1, 2, 3]),
        (json!({"hash": {"$gt": u64::MAX - 1}}), &[0]),
        (json!({"hash": {"$gt": 1_u64 << 53, "$lt": u64::MAX - 1}}), &[5]),
        (json!({"hash": {"$lt": -1.5}}), &[]),
        (json!({"mtype": "A", "layer": {"$gte": 23}}), &[2, 4]),
        (json!({"node_id": 3}), &[3]),
        (json!({"node_id": [5, 3, 5, 1.0, 500, u64::MAX]}), &[1, 3, 5]),
        (json!({"node_id": []}), &[]),
        (json!({"node_id": {"$gte": 4}}), &[4, 5]),
        (json!({"gids": [0, 80]}), &[0]),
        (json!({"population": "cells"}), &[0, 1, 2, 3, 4, 5]),
        (json!({"population": ["cells", "FAKE"], "node_id": [2]}), &[2]),
        (json!({"population": "fibres"}), &[]),
        (json!({"population": "fibres", "nowhere": 1}), &[]),
        (json!({"population_type": "biophysical", "layer": 21}), &[0]),
        (json!({"population_type": ["virtual"], "nowhere": 1}), &[]),
        (json!({"$and": [{"mtype": "A"}, {"layer": {"$gt": 21}}]}), &[2, 4]),
        (json!({"$and": {"mtype": "A", "layer": 23}}), &[2]),
        (json!({"$or": [{"mtype": "B"}, {"layer": 23, "mtype": "A"}]}), &[1, 2]),
        (json!({"$or": {"mtype": "B", "layer": 23}}), &[1, 2]),
        (json!({"$or": [{}, {"mtype": "B"}]}), &[0, 1, 2, 3, 4, 5]),
        (json!({"$not": {"mtype": "A", "layer": 23}}), &[0, 1, 3, 4, 5]),
        (json!({"$not": [{"mtype": "A"}, {"layer": 22}]}), &[3, 5]),
        (json!({"$not": {"region": "S1"}}), &[2, 3, 4, 5]),
        (json!({"$or": [{"$node_set": "few"}, {"node_id": 4}]}), &[0, 1, 4]),
        (json!({"$node_set": "few", "layer": 22}), &[1]),
        (json!({"$not": {"$node_set": "few"}}), &[2, 3, 4, 5]),
        (json!(["few"]), &[0, 1]),
        (json!(["few", "few", "fibres"]), &[0, 1]),
        (json!(["few", "cells"]), &[0, 1, 2, 3, 4, 5]),
        (json!([]), &[]),
    ];
    for (rule, expected) in cases {
        assert_eq!(ids(&rule), expected, "{rule}");
    }
}

#[test]
fn what_no_population_can_follow_is_told_when_read() {
    let rules = [
        (json!(1), "node set `s`: it must be a map of rules or a list of node sets, not 1"),
        (json!(true), "a list of node sets, not true"),
        (json!("x"), "a list of node sets, not a text"),
        (json!(["few", 1]), "a member of a list must be the name of a node set, not 1"),
        (json!({"a": null}), "property `a` must be compared with texts or whole numbers, not null"),
        (json!({"a": [[1]]}), "not a list"),
        (
            json!({"a": [1, "x"]}),
            "property `a` is compared with a list of different kinds, a text among them",
        ),
        (json!({"a": ["x", 1]}), "a number among them"),
        (json!({"a": [true, 1]}), "a number among them"),
        (json!({"a": 1.5}), "property `a` must be compared with whole numbers, not 1.5"),
        (json!({"a": [1, 1.5]}), "help: a range of numbers is"),
        (json!({"a": 1e20}), "compared with whole numbers"),
        (json!({"a": u64::MAX}), "compared with whole numbers"),
        (json!({"node_id": 1.5}), "`node_id` must be a whole number from 0, or a list of them, not 1.5"),
        (json!({"node_id": [1, -1]}), "a whole number from 0, or a list of them, not -1"),
        (json!({"node_id": ["1"]}), "`node_id` must be a whole number from 0, or a list of them, not a text"),
        (json!({"node_id": true}), "not true"),
        (json!({"node_id": 1e20}), "not 1e+20"),
        (json!({"population": 1}), "`population` must be a text or a list of texts, not 1"),
        (json!({"population": ["x", 1]}), "`population` must be a text"),
        (json!({"population_type": {}}), "`population_type` must be a text or a list of texts, not a map"),
        (json!({"a": {}}), "property `a` has no operator in `{}`"),
        (json!({"a": {"$op": 3}}), "there is no operator `$op`"),
        (json!({"a": {"$regx": "x"}}), "did you mean `$regex`?"),
        (
            json!({"a": {"$regex": "L.*", "edge_id": 2}}),
            "property `a` has `edge_id` where an operator is expected",
        ),
        (json!({"a": {"$regex": 1}}), "`$regex` of property `a` must be a text, not 1"),
        (json!({"a": {"$gt": "x"}}), "`$gt` of property `a` must be a number, not a text"),
        (json!({"a": {"$gt": [1]}}), "must be a number, not a list"),
        (json!({"$gt": 1}), "`$gt` stands inside a property"),
        (json!({"$orr": []}), "did you mean `$or`"),
        (json!({"$or": 1}), "`$or` must be a list of maps, not 1"),
        (json!({"$or": [1]}), "each of `$or` must be a map of rules, not 1"),
        (json!({"$not": "x"}), "`$not` must be a list of maps, not a text"),
        (json!({"$node_set": [1, 2]}), "`$node_set` must be the name of a node set, not a list"),
    ];
    for (rule, message) in rules {
        let error = sets(&json!({"few": {"node_id": 1}, "s": rule})).unwrap_err();
        assert!(error.to_string().contains(message) && error.to_string().contains(FILE), "{rule}: {error}");
        assert!(error.message().starts_with("node set `s`: "), "{rule}: {error}");
    }
    assert!(sets(&json!([1])).unwrap_err().message().contains("must be a map, not a list"));
    let error = NodeSets::of_json("{\"s\":\n{\"a\": 01}}", Path::new(FILE)).unwrap_err();
    assert_eq!(error.place().and_then(|p| p.line), Some((2, 8)));
}

#[test]
fn what_a_population_cannot_answer_is_told_when_asked() {
    let cases = [
        (json!({"mtpye": "A"}), "node set `s`: there is no property `mtpye`"),
        (json!({"mtpye": "A"}), "did you mean `mtype`?"),
        (json!({"mtpye": "A"}), "it was asked of population `cells`"),
        (json!({"mtype": 0}), "property `mtype` holds texts, but is compared with a number"),
        (json!({"name": 0}), "property `name` holds texts, but is compared with a number"),
        (json!({"mtype": {"$gt": 1}}), "property `mtype` holds texts, but is compared by size with a number"),
        (json!({"layer": "21"}), "property `layer` holds numbers, but is compared with a text"),
        (json!({"layer": {"$regex": "2"}}), "holds numbers, but is matched with a pattern"),
        (json!({"layer": true}), "holds numbers, but is compared with true or false"),
        (json!({"inner": 1}), "holds true and false, but is compared with a number"),
        (json!({"x": 11}), "property `x` holds real numbers, which no set of numbers hits exactly"),
        (json!({"y": [1, 2]}), "$gte"),
        (json!({"x": "11"}), "property `x` holds numbers, but is compared with a text"),
        (json!({"name": {"$regex": "("}}), "\"(\", which is no pattern: unclosed group"),
        (json!({"mtype": {"$regex": "(?=a)"}}), "no look-around"),
        (json!(["no"]), "node set `s` contains `no`, but there is no such node set"),
        (json!({"$node_set": "fibre"}), "did you mean `fibres`"),
    ];
    for (rule, message) in cases {
        let error = refused(&json!({"s": rule}), "s");
        assert!(error.contains(message) && error.contains(FILE), "{rule}: {error}");
    }
    let others = json!({"Layer4": {"layer": 4}, "hollow": {}, "c": ["hollow"]});
    assert!(
        refused(&others, "Layer5").contains("there is no node set `Layer5`\n  help: did you mean `Layer4`?")
    );
    assert!(refused(&others, "cell").contains("did you mean `cells`"));
    for name in ["hollow", "c"] {
        assert!(refused(&others, name).contains("`hollow` stands in the file as `{}`"));
    }
    assert_eq!(sets(&others).unwrap().names().collect::<Vec<_>>(), ["Layer4", "c"]);
}

#[test]
fn sets_that_contain_themselves_are_shown() {
    let cases = [
        (json!({"s": ["s"]}), "node set `s` contains itself: s → s"),
        (
            json!({"x": ["a"], "a": ["b"], "b": {"$not": {"$node_set": "a"}}}),
            "`a` contains itself: a → b → a",
        ),
    ];
    for (content, message) in cases {
        let error = sets(&content).unwrap_err();
        assert!(error.message().contains(message) && error.place().is_some(), "{error}");
    }
    // Each file is right; together they are not.
    let mut both = NodeSets::of_json(r#"{"a": ["b"], "b": {"node_id": 1}}"#, Path::new(FILE)).unwrap();
    both.update(NodeSets::of_json(r#"{"b": {"$node_set": "a"}}"#, Path::new("/s/sets.json")).unwrap());
    assert!(both.check().unwrap_err().message().contains("a → b → a"));
    let both = Arc::new(both).of_population("cells", "biophysical", &cells());
    assert!(both.resolve("b").unwrap_err().message().contains("b → a → b"));
}

#[test]
fn sets_may_be_nested_as_deep_as_they_like() {
    let mut content = serde_json::Map::new();
    for depth in 0..50_000 {
        // The same set twice, over two ways: each is looked at once.
        let next = format!("s{}", depth + 1);
        content.insert(format!("s{depth}"), json!([next, next]));
    }
    content.insert("s50000".into(), json!({"layer": 22}));
    assert_eq!(of(&Value::Object(content)).resolve("s0").unwrap().listed(), [1]);
}

#[test]
fn later_sets_override_earlier_ones() {
    let mut sets =
        NodeSets::of_json(r#"{"a": {"layer": 21}, "b": ["a"], "z": ["q"]}"#, Path::new(FILE)).unwrap();
    let error = sets.check().unwrap_err();
    assert!(error.message().contains("node set `z` contains `q`"), "{error}");
    let user = Path::new("/s/user_node_sets.json");
    let overridden = sets.update(NodeSets::of_json(r#"{"q": {"node_id": 1}, "a": ["q"]}"#, user).unwrap());
    assert_eq!(overridden, ["a"]);
    assert_eq!(sets.names().collect::<Vec<_>>(), ["a", "b", "z", "q"]);
    sets.check().unwrap();
    let targets: Arc<dyn Targets> = Arc::new(sets).of_population("cells", "biophysical", &cells());
    assert_eq!(targets.resolve("b").unwrap().listed(), [1]);
    let entries: Vec<_> = targets.entries().into_iter().map(|e| (e.name, e.kind, e.file)).collect();
    assert_eq!(entries[0], ("a".to_owned(), "node_set".to_owned(), user.to_owned()));
    assert_eq!(entries[1].2, Path::new(FILE));
}

#[test]
fn names_of_populations_are_sets() {
    let content = json!({"fibres": {"node_id": 2}, "all": ["cells", "fibres"]});
    let sets = sets(&content).unwrap();
    sets.check().unwrap();
    let cells = sets.of_population("cells", "biophysical", &cells());
    assert_eq!(cells.resolve("cells").unwrap().len(), 6);
    assert_eq!(cells.resolve("fibres").unwrap().listed(), [2]);
    assert_eq!(cells.entry("cells").unwrap().file, Path::new("/c/nodes.h5"));
    assert!(cells.entry("none").is_none() && cells.entries().len() == 2);
    let fibres = sets.of_population(
        "fibres",
        "virtual",
        &table(7, vec![("w", Arc::new(Int64Array::from(vec![1, 2])))]),
    );
    assert_eq!(fibres.resolve("cells").unwrap().len(), 0);
    assert_eq!(fibres.resolve("all").unwrap().len(), 0);
    // A population that is not declared is a set of itself.
    let alone = Arc::new(NodeSets::default()).of_population("x", "virtual", &super::tests::cells());
    assert_eq!(alone.resolve("x").unwrap().len(), 6);
}

#[test]
fn ids_count_from_the_first_one() {
    let cells = table(10, vec![("w", Arc::new(Int64Array::from(vec![1, 2, 2])))]);
    let sets = sets(&json!({"a": {"w": 2}, "b": {"node_id": [0, 9, 10, 12, 13]}})).unwrap();
    let cells = sets.of_population("cells", "virtual", &cells);
    assert_eq!(cells.resolve("a").unwrap().listed(), [11, 12]);
    assert_eq!(cells.resolve("b").unwrap().listed(), [10, 12]);
}

#[test]
fn a_question_to_all_populations_may_ask_for_what_some_lack() {
    let cells =
        of(&json!({"s": {"nowhere": 1}, "c": ["s", "few"], "few": {"node_id": 1}, "wrong": {"x": "y"}}));
    assert!(cells.resolve("c").is_err());
    assert_eq!(cells.resolve_lenient("s").unwrap().len(), 0);
    assert_eq!(cells.resolve_lenient("c").unwrap().listed(), [1]);
    assert!(cells.resolve("c").is_err());
    assert!(cells.resolve_lenient("none").is_err() && cells.resolve_lenient("wrong").is_err());
}

/// What a row holds, for the slow and obvious way.
#[derive(Clone, Debug)]
struct Row {
    layer: i64,
    x: f64,
    mtype: Option<String>,
    inner: bool,
}

fn holds(rule: &Value, id: usize, row: &Row, sets: &serde_json::Map<String, Value>) -> bool {
    if let Value::Array(names) = rule {
        return names.iter().any(|n| n == "cells" || holds(&sets[n.as_str().unwrap()], id, row, sets));
    }
    rule.as_object().unwrap().iter().all(|(key, value)| match key.as_str() {
        "$and" => value.as_array().unwrap().iter().all(|r| holds(r, id, row, sets)),
        "$or" => value.as_array().unwrap().iter().any(|r| holds(r, id, row, sets)),
        "$not" => !holds(value, id, row, sets),
        "$node_set" => holds(&sets[value.as_str().unwrap()], id, row, sets),
        "population" => listed(value).contains(&json!("cells")),
        "node_id" => listed(value).contains(&json!(id)),
        property => {
            let own = match property {
                "layer" => json!(row.layer),
                "x" => json!(row.x),
                "inner" => json!(row.inner),
                _ => json!(row.mtype),
            };
            let Some(operators) = value.as_object() else { return listed(value).contains(&own) };
            operators.iter().all(|(operator, bound)| {
                match (operator.as_str(), own.as_f64(), bound.as_f64()) {
                    ("$gt", Some(own), Some(bound)) => own > bound,
                    ("$gte", Some(own), Some(bound)) => own >= bound,
                    ("$lt", Some(own), Some(bound)) => own < bound,
                    ("$lte", Some(own), Some(bound)) => own <= bound,
                    _ => own.as_str().is_some_and(|own| own.contains(bound.as_str().unwrap())),
                }
            })
        }
    })
}

fn listed(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_else(|| vec![value.clone()])
}

fn one_or_many<T: std::fmt::Debug + Clone + Into<Value> + 'static>(
    one: impl Strategy<Value = T> + Clone + 'static,
) -> BoxedStrategy<Value> {
    prop_oneof![one.clone().prop_map(Into::into), prop::collection::vec(one, 0..4).prop_map(Into::into)]
        .boxed()
}

/// A rule that may name the sets before the given one.
fn rule(before: usize) -> BoxedStrategy<Value> {
    let comparisons = |number: BoxedStrategy<Value>| {
        let operator = prop::sample::select(vec!["$gt", "$gte", "$lt", "$lte"]);
        prop::collection::vec((operator, number), 1..3)
            .prop_map(|o| Value::Object(o.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()))
    };
    let whole = || (-2i64..4).prop_map(Value::from).boxed();
    let real = || (-4i32..8).prop_map(|n| Value::from(f64::from(n) / 2.0)).boxed();
    let leaf = prop_oneof![
        one_or_many(-2i64..4).prop_map(|v| json!({"layer": v})),
        prop_oneof![comparisons(whole()), comparisons(real())].prop_map(|v| json!({"layer": v})),
        prop_oneof![comparisons(whole()), comparisons(real())].prop_map(|v| json!({"x": v})),
        one_or_many("[ab]{0,2}").prop_map(|v| json!({"mtype": v})),
        "[ab]{0,2}".prop_map(|v| json!({"mtype": {"$regex": v}})),
        one_or_many(any::<bool>()).prop_map(|v| json!({"inner": v})),
        one_or_many(0u64..12).prop_map(|v| json!({"node_id": v})),
        one_or_many(prop::sample::select(vec!["cells", "others"])).prop_map(|v| json!({"population": v})),
        (0..before.max(1)).prop_map(move |n| match before {
            0 => json!({"layer": 1}),
            _ => json!({"$node_set": format!("s{n}")}),
        }),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(|v| json!({"$and": v})),
            prop::collection::vec(inner.clone(), 0..3).prop_map(|v| json!({"$or": v})),
            inner.clone().prop_map(|v| json!({"$not": v})),
            (inner.clone(), inner).prop_map(|(mut a, b)| {
                a.as_object_mut().unwrap().extend(b.as_object().unwrap().clone());
                a
            }),
        ]
    })
    .boxed()
}

fn set(before: usize) -> BoxedStrategy<Value> {
    let union = prop::collection::vec(0..=before, 0..4).prop_map(move |members| {
        let name = |n: usize| if n == before { "cells".to_owned() } else { format!("s{n}") };
        members.into_iter().map(name).collect::<Vec<String>>().into()
    });
    prop_oneof![3 => rule(before), 1 => union].boxed()
}

prop_compose! {
    fn row()(layer in -2i64..4, x in -4i32..8, mtype in prop::option::of("[ab]{0,2}"), inner: bool) -> Row {
        Row { layer, x: f64::from(x) / 2.0, mtype, inner }
    }
}

proptest! {
    #[test]
    fn rules_hold_row_by_row(
        rows in prop::collection::vec(row(), 0..10),
        rules in (set(0), set(1), set(2), set(3), set(4)),
        coded: bool,
    ) {
        let texts: Vec<Option<&str>> = rows.iter().map(|r| r.mtype.as_deref()).collect();
        let mtype: ArrayRef = if coded {
            Arc::new(texts.into_iter().collect::<DictionaryArray<Int32Type>>())
        } else {
            Arc::new(StringArray::from(texts))
        };
        let cells = table(0, vec![
            ("layer", Arc::new(rows.iter().map(|r| r.layer).collect::<Int64Array>())),
            ("x", Arc::new(Float64Array::from_iter_values(rows.iter().map(|r| r.x)))),
            ("inner", Arc::new(BooleanArray::from(rows.iter().map(|r| r.inner).collect::<Vec<bool>>()))),
            ("mtype", mtype),
        ]);
        let rules = [rules.0, rules.1, rules.2, rules.3, rules.4];
        let content: serde_json::Map<String, Value> =
            rules.into_iter().enumerate().map(|(n, rule)| (format!("s{n}"), rule)).collect();
        let sets = sets(&Value::Object(content.clone())).unwrap().of_population("cells", "biophysical", &cells);
        for (name, rule) in &content {
            let expected: Vec<i64> = rows
                .iter()
                .enumerate()
                .filter(|(id, row)| holds(rule, *id, row, &content))
                .map(|(id, _)| id as i64)
                .collect();
            let found = sets.resolve(name).unwrap();
            prop_assert_eq!(found.listed(), &expected, "{} of {:?}", name, content);
        }
    }

    #[test]
    fn any_json_is_read_or_refused(
        text in r#"(\{|\[|"|a|s|node_id|\$or|\$regex|\$gt|population|:|,|\}|\]|1|-|true|null){0,30}"#
    ) {
        if let Ok(sets) = NodeSets::of_json(&text, Path::new(FILE)) {
            let cells = Arc::new(sets).of_population("cells", "biophysical", &cells());
            for entry in cells.entries() {
                let _ = cells.resolve(&entry.name);
            }
        }
    }
}

#[test]
fn the_node_sets_of_the_field() {
    let mut read = 0;
    for path in files_of_the_field(&["oracle/sonata/data", "real"]) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(".json") && (name.contains("node_sets") || name.contains("nodesets")) {
            NodeSets::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            read += 1;
        }
    }
    if read == 0 {
        println!("skipped: the files of the field are not here");
    }
}
