//! Closures through a real engine: what they become, and that it computes the same as Rhai does.

use std::sync::{Arc, Mutex};

use arrow_array::{ArrayRef, Float64Array, Int64Array, StringArray};
use arrow_schema::DataType;
use rhai::{Dynamic, Engine, EvalAltResult, FnPtr, Module, NativeCallContext, Scope};

use super::{Functions, Lambda, Reason, rowwise::RowClosure};
use crate::diag::Deferred;
use crate::model::{CellTable, ColumnSpec, Frame, Schema};
use crate::query::{Expr, Table, Value, row_values};

type Answer<T> = std::result::Result<T, Box<EvalAltResult>>;

/// Six synapses among four cells.
fn synapses() -> Table {
    let cells = CellTable::new(
        1,
        4,
        vec![
            (ColumnSpec::new("id", DataType::Int64), ready(Int64Array::from(vec![1, 2, 3, 4]))),
            (
                ColumnSpec::new("mtype", DataType::Utf8),
                ready(StringArray::from(vec!["L4_PC", "L5_TTPC1", "L5_MC", "L6_BP"])),
            ),
            (ColumnSpec::new("layer", DataType::Int64), ready(Int64Array::from(vec![4, 5, 5, 6]))),
            (
                ColumnSpec::new("y", DataType::Float64),
                ready(Float64Array::from(vec![800.0, 600.0, 640.0, 200.0])),
            ),
        ],
        "a test",
    );
    let columns: Vec<(ColumnSpec, ArrayRef)> = vec![
        (ColumnSpec::new("pre", DataType::Int64), Arc::new(Int64Array::from(vec![1, 1, 2, 3, 4, 4]))),
        (ColumnSpec::new("post", DataType::Int64), Arc::new(Int64Array::from(vec![2, 3, 3, 4, 1, 4]))),
        (
            ColumnSpec::new("g", DataType::Float64),
            Arc::new(Float64Array::from(vec![0.1, 0.9, 0.5, 2.0, 0.7, 0.3])),
        ),
        (
            ColumnSpec::new("delay", DataType::Float64),
            Arc::new(Float64Array::from(vec![1.0, 2.5, 0.5, 4.0, 1.5, 3.0])),
        ),
        (ColumnSpec::new("kind", DataType::Int64), Arc::new(Int64Array::from(vec![0, 113, 7, 120, -3, 2]))),
    ];
    let (specs, arrays): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    let schema = Schema::new(specs).linked("pre", &cells).linked("post", &cells);
    Table::in_memory(Frame::with_schema(Arc::new(schema), arrays, 6).expect("a frame"))
}

fn ready(array: impl arrow_array::Array + 'static) -> Deferred<ArrayRef> {
    Deferred::ready(Arc::new(array))
}

/// The closure as it would run if it could not be translated.
fn interpreted(ctx: &NativeCallContext, f: &FnPtr) -> Expr {
    let functions = Functions::of(ctx);
    let lambda: Lambda = functions.find(f.fn_name(), f.curry().len() + 1, None).expect("a script function");
    let reason = Reason::new("is tested", rhai::Position::NONE);
    Expr::Script(Arc::new(RowClosure::new(ctx, f, &functions, &lambda, &reason)))
}

fn values(expr: Expr) -> crate::Result<Vec<Value>> {
    let table = synapses();
    let one = table.computed("value", expr)?;
    let frame = table.project(vec![one])?.frame()?;
    Ok((0..frame.rows()).map(|row| row_values(&frame, row).remove(0)).collect())
}

fn same(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a == b || (a - b).abs() < 1e-12 || (a.is_nan() && b.is_nan()),
        _ => a == b,
    }
}

fn explained(expr: &Expr) -> String {
    match expr {
        Expr::Script(f) => {
            format!("{} because it {}{}", f.text(), f.reason(), if f.serial() { " (serial)" } else { "" })
        }
        expr => expr.to_string(),
    }
}

fn engine() -> Engine {
    let mut engine = Engine::new();
    super::register(&mut engine);
    engine.set_max_expr_depths(0, 0);
    for &(name, factor) in crate::script::convert::UNITS {
        engine.register_get(name, move |x: &mut f64| *x * factor);
        engine.register_get(name, move |x: &mut i64| *x as f64 * factor);
    }
    engine.register_fn("shown", |ctx: NativeCallContext, f: FnPtr| -> Answer<String> {
        Ok(explained(&super::translate(&ctx, &f)?))
    });
    // The expression, after comparing what it computes with what Rhai computes.
    engine.register_fn("tested", |ctx: NativeCallContext, f: FnPtr| -> Answer<String> {
        let expr = super::translate(&ctx, &f)?;
        if !expr.has_script() {
            let (native, slow) = (values(expr.clone())?, values(interpreted(&ctx, &f))?);
            for (row, (a, b)) in native.iter().zip(&slow).enumerate() {
                assert!(same(a, b), "row {row} of {expr}: {a} natively, but {b} by Rhai");
            }
        }
        Ok(explained(&expr))
    });
    engine.register_fn("kept", |ctx: NativeCallContext, f: FnPtr| -> Answer<rhai::Array> {
        let frame = synapses().filter(super::translate(&ctx, &f)?)?.select(&["pre"])?.frame()?;
        Ok((0..frame.rows()).map(|r| crate::script::convert::from_value(&row_values(&frame, r)[0])).collect())
    });
    engine.register_fn("rows", |ctx: NativeCallContext, f: FnPtr| -> Answer<rhai::Array> {
        let values = values(super::translate(&ctx, &f)?)?;
        Ok(values.iter().map(crate::script::convert::from_value).collect())
    });
    engine
}

fn run(script: &str) -> String {
    match engine().eval::<Dynamic>(script) {
        Ok(value) => value.to_string(),
        Err(error) => format!("error: {}", crate::script::error::from_row(&error)),
    }
}

/// What a closure becomes; it must compute the same as Rhai.
fn becomes(script: &str, expected: &str) {
    let (before, closure) = script.rsplit_once(";;").unwrap_or(("", script));
    assert_eq!(run(&format!("{before};\n tested({closure})")), expected, "{script}");
}

/// Why a closure cannot be translated.
fn refused(script: &str, expected: &str) {
    let (before, closure) = script.rsplit_once(";;").unwrap_or(("", script));
    let text = run(&format!("{before};\n shown({closure})"));
    assert!(text.contains(" because it ") && text.contains(expected), "{script} gives: {text}");
}

#[test]
fn comparisons_and_logic() {
    becomes("|s| s.g > 0.5", "g > 0.5");
    becomes("|s| s.g > 0.5 && s.pre.layer == 4", "(g > 0.5) && (pre.layer == 4)");
    becomes("|s| s.g > 0.5 || s.g < 0.2 || s.delay == 0.5", "(g > 0.5) || (g < 0.2) || (delay == 0.5)");
    becomes("|s| !(s.g < 0.5)", "!(g < 0.5)");
    becomes("|s| s.pre != s.post", "pre != post");
    becomes("|s| s.g >= 0.5 & s.delay <= 2.0", "(g >= 0.5) && (delay <= 2.0)");
    becomes("|s| 1 < s.pre", "1 < pre");
    becomes("|s| true && s.g > 0.5", "g > 0.5");
    becomes("|s| true", "true");
    becomes("|s| s[\"g\"] > 0.5", "g > 0.5");
    assert_eq!(run("shown(|s| s.pre[\"layer\"] > 4)"), "pre.layer > 4");
    becomes("|s| s?.pre.layer > 4", "pre.layer > 4");
}

#[test]
fn arithmetic() {
    becomes("|s| s.g * 2.0 + 1.0", "(g * 2.0) + 1.0");
    becomes("|s| -s.g", "-(g)");
    becomes("|s| s.kind % 5", "kind % 5");
    becomes("|s| s.kind / 2", "kind / 2");
    becomes("|s| s.g ** 2.0", "g ** 2.0");
    becomes("|s| s.g / s.delay", "g / delay");
    becomes("|s| s.pre.mtype + \"!\"", "pre.mtype + \"!\"");
    becomes("|s| 1 + 2 + s.pre", "3 + pre");
}

#[test]
fn captured_values_are_constants() {
    becomes("let t = 0.5;;|s| s.g > t", "g > 0.5");
    becomes("let t = 0.5; let u = t * 2.0;;|s| s.g > t && s.delay < u + 1.0", "(g > 0.5) && (delay < 2.0)");
    becomes("let ls = [4, 5];;|s| s.pre.layer in ls", "pre.layer in [4, 5]");
    becomes(
        "let o = #{low: 0.2, deep: #{high: 0.8}};;|s| s.g > o.low && s.g < o.deep.high",
        "(g > 0.2) && (g < 0.8)",
    );
    becomes("let a = [0.1, 0.5];;|s| s.g > a[1] || s.g < a[-2]", "(g > 0.5) || (g < 0.1)");
    becomes("const LIMIT = 0.5;;|s| s.g > LIMIT", "g > 0.5");
    becomes("let strict = false;;|s| !strict || s.g > 1.0", "true");
    becomes("let strict = true;;|s| if strict { s.g > 1.0 } else { s.g > 0.0 }", "g > 1.0");
    becomes("let t = 2;;|s| s.delay > t.ms", "delay > 2.0");
    becomes("let r = 4..6;;|s| s.pre.layer in r", "(pre.layer >= 4) && (pre.layer < 6)");
    becomes("let name = \"L5\";;|s| s.pre.mtype.starts_with(name + \"_\")", "pre.mtype.starts_with(\"L5_\")");
}

#[test]
fn membership() {
    becomes("|s| s.pre.layer in [4, 6]", "pre.layer in [4, 6]");
    becomes("|s| s.pre.layer in 4..6", "(pre.layer >= 4) && (pre.layer < 6)");
    becomes("|s| s.pre.layer in 4..=5", "(pre.layer >= 4) && (pre.layer <= 5)");
    becomes("|s| s.pre.layer in 5..", "pre.layer >= 5");
    becomes("|s| !(s.pre in [1, 2])", "!(pre in [1, 2])");
    becomes("|s| s.pre !in [1, 2]", "!(pre in [1, 2])");
    becomes("|s| s.post in [s.pre, 4]", "(post == pre) || (post == 4)");
    becomes("let n = 3;;|s| s.pre in 2..n + 1", "(pre >= 2) && (pre < 4)");
    becomes("|s| s.post in s.pre..=4", "(post >= pre) && (post <= 4)");
    becomes("|s| \"TTPC\" in s.post.mtype", "post.mtype.contains(\"TTPC\")");
    becomes("let m = #{L4_PC: 1};;|s| s.pre.mtype in m", "pre.mtype in [\"L4_PC\"]");
    becomes("|s| [1, 4].contains(s.pre)", "pre in [1, 4]");
    becomes("|s| s.pre in []", "pre in []");
}

#[test]
fn units() {
    becomes("|s| s.delay > 2.ms", "delay > 2.0");
    becomes("|s| s.delay < 0.002.s", "delay < 2.0");
    becomes("|s| s.pre.y > 0.5.mm && s.pre.y < 700.um", "(pre.y > 500.0) && (pre.y < 700.0)");
    becomes("|s| s.g > 500.pS", "g > 0.5");
}

#[test]
fn texts() {
    becomes("|s| s.pre.mtype == \"L4_PC\"", "pre.mtype == \"L4_PC\"");
    becomes("|s| s.pre.mtype.starts_with(\"L5\")", "pre.mtype.starts_with(\"L5\")");
    becomes("|s| s.pre.mtype.ends_with(\"PC\")", "pre.mtype.ends_with(\"PC\")");
    becomes("|s| s.pre.mtype.contains(\"TTPC\")", "pre.mtype.contains(\"TTPC\")");
    becomes("|s| s.pre.mtype.to_lower() == \"l4_pc\"", "to_lower(pre.mtype) == \"l4_pc\"");
    becomes("|s| s.pre.mtype.to_upper().contains(\"PC\")", "to_upper(pre.mtype).contains(\"PC\")");
    becomes("|s| s.pre.mtype.len() > 5", "len(pre.mtype) > 5");
    becomes("|s| s.pre.mtype.len > 5", "len(pre.mtype) > 5");
    becomes("|s| len(s.pre.mtype)", "len(pre.mtype)");
    becomes("|s| s.pre.mtype.is_empty()", "len(pre.mtype) == 0");
}

#[test]
fn functions_in_both_styles() {
    becomes("|s| (s.g - 1.0).abs()", "abs(g - 1.0)");
    becomes("|s| abs(s.g - 1.0)", "abs(g - 1.0)");
    becomes("|s| sqrt(s.g) + exp(s.g) + ln(s.g)", "sqrt(g) + exp(g) + ln(g)");
    becomes("|s| s.g.log()", "log(g)");
    becomes("|s| log(s.g, 2.0)", "ln(g) / ln(2.0)");
    becomes(
        "|s| s.delay.floor() + s.delay.ceiling() + s.delay.round()",
        "floor(delay) + ceiling(delay) + round(delay)",
    );
    becomes("|s| s.delay.floor", "floor(delay)");
    becomes("|s| s.delay.to_int()", "to_int(delay)");
    becomes("|s| s.pre.to_float()", "to_float(pre)");
    becomes("|s| min(s.g, s.delay)", "min(g, delay)");
    becomes("|s| max(s.g, 0.5)", "max(g, 0.5)");
    becomes("|s| sin(s.g) + s.g.cos() + tan(s.g)", "sin(g) + cos(g) + (sin(g) / cos(g))");
    becomes("|s| atan(s.g, s.delay)", "atan2(g, delay)");
    becomes("|s| s.g.atan()", "atan2(g, 1.0)");
    becomes("|s| hypot(s.g, s.delay)", "sqrt((g * g) + (delay * delay))");
    becomes("|s| s.g.is_nan()", "g != g");
    becomes("|s| s.pre.is_odd()", "(pre % 2) != 0");
    becomes("let x = 2.0;;|s| s.g > sqrt(x)", "g > 1.4142135623730951");
    becomes("|s| s.g * PI()", "g * 3.141592653589793");
}

#[test]
fn choices() {
    becomes("|s| if s.g > 0.5 { 1 } else { 0 }", "if g > 0.5 { 1 } else { 0 }");
    becomes(
        "|s| if s.g > 0.5 { \"a\" } else if s.g > 0.2 { \"b\" } else { \"c\" }",
        "if g > 0.5 { \"a\" } else { if g > 0.2 { \"b\" } else { \"c\" } }",
    );
    becomes(
        "|s| switch s.pre.layer { 4 => 0.5, 5 | 6 => 1.5, _ => 0.0 }",
        "if pre.layer == 4 { 0.5 } else { if pre.layer in [5, 6] { 1.5 } else { 0.0 } }",
    );
    becomes(
        "|s| switch s.pre.mtype { \"L4_PC\" => 1, \"L5_MC\" => -1, _ => 0 }",
        "if pre.mtype == \"L4_PC\" { 1 } else { if pre.mtype == \"L5_MC\" { -1 } else { 0 } }",
    );
    becomes(
        "|s| switch s.kind { -3 => 'x', 0..100 => 'i', 100..=200 => 'e', _ => '?' }",
        "if kind == -3 { \"x\" } else { if (kind >= 0) && (kind < 100) { \"i\" } else { if (kind >= 100) && (kind <= 200) { \"e\" } else { \"?\" } } }",
    );
    becomes(
        "|s| switch s.pre { 1 if s.g > 0.5 => 1, 1 => 2, _ => 3 }",
        "if (pre == 1) && (g > 0.5) { 1 } else { if pre == 1 { 2 } else { 3 } }",
    );
    becomes(
        "|s| (if s.g > 0.5 { s.pre } else { s.post }).layer",
        "if g > 0.5 { pre.layer } else { post.layer }",
    );
    becomes(
        "let names = #{L4_PC: 1.0, L6_BP: 2.0};;|s| names[s.pre.mtype]",
        "if pre.mtype == \"L4_PC\" { 1.0 } else { if pre.mtype == \"L6_BP\" { 2.0 } else { () } }",
    );
    becomes("|s| s.g ?? 0.0", "if g == () { 0.0 } else { g }");
    becomes("|s| s.g == ()", "g == ()");
    becomes("|s| s.g != ()", "!(g == ())");
}

#[test]
fn statements() {
    becomes(
        "|s| { let d = s.delay * 2.0; d > 3.0 && d < 6.0 }",
        "((delay * 2.0) > 3.0) && ((delay * 2.0) < 6.0)",
    );
    becomes("|s| { let p = s.pre; p.layer == 5 }", "pre.layer == 5");
    becomes("|s| { return s.g > 0.5; }", "g > 0.5");
    becomes(
        "|s| { if s.g > 1.0 { return true; } s.delay > 2.0 }",
        "if g > 1.0 { true } else { delay > 2.0 }",
    );
    becomes(
        "|s| { if s.g > 1.0 { if s.delay > 3.0 { return 1; } } else { return 2; } 3 }",
        "if (g > 1.0) && (delay > 3.0) { 1 } else { if !(g > 1.0) { 2 } else { 3 } }",
    );
    becomes(
        "|s| { let w = 1.0; if s.g > 0.5 { w = 2.0; } w * s.delay }",
        "if g > 0.5 { 2.0 } else { 1.0 } * delay",
    );
    becomes("|s| { let w = s.g; w += 1.0; w *= 2.0; w }", "(g + 1.0) * 2.0");
    becomes("|s| { let g = 1.0; { let g = 5.0; } s.g > g }", "g > 1.0");
    becomes("|s| { let s = s.pre; s.layer }", "pre.layer");
    becomes("|s| { if s.g > 0.5 { return 1; } else { return 2; } }", "if g > 0.5 { 1 } else { 2 }");
    becomes("|s| { const k = 2.0; s.g * k }", "g * 2.0");
    becomes("|s| { let d = if s.g > 0.5 { 1 } else { 2 }; d == 1 }", "if g > 0.5 { 1 } else { 2 } == 1");
}

#[test]
fn script_functions() {
    becomes("fn strong(s) { s.g > 0.5 };;strong", "g > 0.5");
    becomes("fn strong(s) { s.g > 0.5 };;Fn(\"strong\")", "g > 0.5");
    becomes("fn above(limit, s) { s.g > limit };;Fn(\"above\").curry(0.5)", "g > 0.5");
    becomes("fn sq(x) { x * x };;|s| sq(s.g) + sq(s.delay)", "(g * g) + (delay * delay)");
    becomes("fn deep(s) { s.pre.layer > 4 };;|s| deep(s) && s.g > 0.5", "(pre.layer > 4) && (g > 0.5)");
    becomes("fn twice() { this * 2.0 };;|s| s.g.twice()", "g * 2.0");
    becomes("fn layer(c) { c.layer };;|s| layer(s.pre) == layer(s.post)", "pre.layer == post.layer");
    becomes("let f = |x| x + 1.0;;|s| f.call(s.g) > 1.5", "(g + 1.0) > 1.5");
    becomes("let k = 3.0; let f = |x| x * k;;|s| call(f, s.g)", "g * 3.0");
    becomes(
        "fn sign(x) { if x < 0 { return -1; } if x > 0 { return 1; } 0 };;|s| sign(s.kind)",
        "if kind < 0 { -1 } else { if kind > 0 { 1 } else { 0 } }",
    );
    becomes("fn abs(x) { x + 100 };;|s| abs(s.pre)", "pre + 100");
}

#[test]
fn what_cannot_be_translated_says_why_and_where() {
    refused("|s| { let n = 0; for i in 0..3 { n += i; } n }", "uses a `for` loop, line 2, position");
    refused(
        "fn f(x) { print(x); x };;|s| f(s.g)",
        "calls `f`, which calls `print`, which only Rhai can run, line 1",
    );
    refused("|s| `${s.pre}`", "builds a text");
    refused("fn f(x) { f(x) };;|s| f(s.g)", "too deeply");
    refused("|s| s", "uses the row as a whole");
    refused("|s| rand() < s.g", "calls `rand`");
    refused("|s| s.pre.mtype.split(\"_\")[0]", "calls `split`");
    refused("|s| [s.pre, s.post]", "makes an array");
    refused("|s| #{a: s.pre}", "makes a map");
    refused("|s| s.pre.mtype.sub_string(0, 2) == \"L5\"", "calls `sub_string`");
    refused("|s| { try { s.g } catch { 0.0 } }", "uses `try`");
    refused("|s| { throw \"x\" }", "throws");
    let long = format!("|s| {{ let a = s.g; {} a }}", "a = a * a; ".repeat(40));
    refused(&long, "too long");
    assert!(run("shown(|a, b| a)").contains("takes 2 parameters, but it is called with one row"));
    assert!(run("fn f(a, b) { a } shown(f)").contains("`f` takes 2 parameters"));
    assert!(run("shown(|| true)").contains("takes 0 parameters"));
}

#[test]
fn what_is_not_translated_runs_row_by_row() {
    let total = "fn f(x) { let n = 0; for i in 0..x { n += 1; } n } ";
    assert_eq!(run(&format!("{total} rows(|s| f(s.pre))")), "[1, 1, 2, 3, 4, 4]");
    assert_eq!(
        run(&format!("{total} rows(|s| f(s.pre.layer) == 5)")),
        "[false, false, true, true, false, false]"
    );
    assert_eq!(
        run("rows(|s| s.pre.mtype.split(\"_\")[0])"),
        "[\"L4\", \"L4\", \"L5\", \"L5\", \"L6\", \"L6\"]"
    );
    assert_eq!(
        run("rows(|s| s.pre.mtype.sub_string(0, 2) == \"L5\" && s.pre == 3)"),
        "[false, false, false, true, false, false]"
    );
    assert_eq!(
        run("rows(|s| `${s.pre}>${s.post.layer}`)"),
        "[\"1>5\", \"1>5\", \"2>5\", \"3>6\", \"4>4\", \"4>6\"]"
    );
    // The row handed on, and a link followed inside.
    assert_eq!(run("fn f(r) { for i in 0..1 {} let c = r.pre; c.layer } rows(f)"), "[4, 4, 5, 5, 6, 6]");
    assert_eq!(
        run("fn g(c) { for i in 0..1 {} c.layer } rows(|s| g(s.pre) + g(s.post))"),
        "[9, 9, 10, 11, 10, 12]"
    );
    // Captured values are shared with the script, and may be read by many threads.
    assert_eq!(
        run("let t = [0.5]; rows(|s| { for x in t { if s.g > x { return true; } } false })"),
        "[false, true, false, true, true, false]"
    );
}

#[test]
fn a_closure_that_changes_what_it_captured_is_serial() {
    refused("let n = 0;;|s| { n += 1; n }", "(serial)");
    refused("let seen = [];;|s| { seen.push(s.pre); true }", "(serial)");
    refused("let seen = #{};;|s| { seen[s.pre.mtype] = 1; true }", "(serial)");
    assert_eq!(run("let n = 0; kept(|s| { n += 1; n % 2 == 0 })"), "[1, 3, 4]");
    assert_eq!(run("let n = 0; kept(|s| { n += s.pre; true }); n"), "15");
    assert_eq!(
        run("let seen = []; kept(|s| { if s.pre in seen { return false; } seen.push(s.pre); true })"),
        "[1, 2, 3, 4]"
    );
    assert!(!run("let l = [1]; shown(|s| { for x in l {} l.len() })").contains("(serial)"));
}

#[test]
fn a_failing_row_names_the_place() {
    let text = run("fn f(x) { for i in 0..1 {} if x > 3 { throw \"too large\" } x }\nrows(|s| f(s.pre))");
    assert!(
        text.contains("too large")
            && text.contains("at line 1, position")
            && text.contains("it happened in `|s| …`"),
        "{text}"
    );
    assert!(text.contains("pre = 4"), "{text}");
    let text = run("rows(|s| { for i in 0..1 {} s.conductanse })");
    assert!(text.contains("no column `conductanse`"), "{text}");
    let text = run("rows(|s| { for i in 0..1 {} [s.pre] })");
    assert!(text.contains("a cell of a table is a number"), "{text}");
    let text = run("rows(|s| { for i in 0..1 {} s.pre.layr })");
    assert!(text.contains("pre.layr"), "{text}");
}

#[test]
fn columns_of_a_row_function_are_found() {
    let log: Arc<Mutex<Vec<String>>> = Arc::default();
    let mut engine = engine();
    let seen = log.clone();
    engine.register_fn("columns", move |ctx: NativeCallContext, f: FnPtr| {
        if let Expr::Script(f) = interpreted(&ctx, &f) {
            seen.lock().expect("a lock").push(f.columns().map_or("all".to_owned(), |c| c.join(" ")));
        }
    });
    let ask = |script: &str| -> String {
        engine.run(script).expect("a script that runs");
        log.lock().expect("a lock").pop().unwrap_or_default()
    };
    let has = |script: &str, wanted: &str| {
        let found = ask(script);
        let missing = wanted.split(' ').find(|w| !found.split(' ').any(|f| f == *w));
        assert_eq!(missing, None, "{script} asks for {found}");
        found
    };
    let found = has("columns(|s| s.g > 0.5 && s.pre.layer == 4)", "g pre pre.layer");
    assert!(!found.contains("post") && !found.contains("mtype"), "{found}");
    assert_eq!(
        has("columns(|s| s.pre > 2 && s[\"delay\"] > 0.5)", "delay pre"),
        "delay delay.pre pre pre.pre"
    );
    has("columns(|s| s.pre.mtype.len + s.g.round)", "g pre pre.mtype");
    has("fn f(r, n) { r.g + n } columns(|s| f(s, s.delay))", "delay g");
    has("fn f(c) { c.layer } columns(|s| f(s.post))", "post post.layer");
    has("columns(|s| { let p = s.pre; p.y })", "pre pre.y");
    has("columns(|s| [s])", "all");
    has("fn f(r) { f(r) } columns(|s| f(s))", "all");
    has("columns(|s| { let s = s.pre; s.layer })", "all");
}

#[test]
fn closures_of_libraries() {
    let mut engine = engine();
    let library = "
        export const LIMIT = 0.5;
        fn strong(s) { s.g > 0.5 }
        fn above(limit) { |s| s.g > limit }
        fn deep(s) { helper(s.pre) }
        fn helper(c) { c.layer > 4 }
        fn slow(n) { |s| { let k = 0; for i in 0..n { k += 1; } k + helper2(s.pre) } }
        fn helper2(x) { x * 10 }
        fn ask() { shown(|s| helper(s.post)) }
    ";
    let ast = engine.compile(library).expect("a library");
    let module = Module::eval_ast_as_new(Scope::new(), &ast, &engine).expect("a module");
    let mut resolver = rhai::module_resolvers::StaticModuleResolver::new();
    resolver.insert("lib", module);
    engine.set_module_resolver(resolver);
    let run = |script: &str| match engine.eval::<Dynamic>(&format!("import \"lib\" as lib; {script}")) {
        Ok(value) => value.to_string(),
        Err(error) => format!("error: {error}"),
    };
    assert_eq!(run("shown(|s| lib::strong(s) && s.delay > 1.0)"), "(g > 0.5) && (delay > 1.0)");
    assert_eq!(run("shown(lib::above(0.7))"), "g > 0.7");
    assert_eq!(run("shown(|s| lib::deep(s))"), "pre.layer > 4");
    assert_eq!(run("shown(|s| s.g > lib::LIMIT)"), "g > 0.5");
    assert_eq!(run("lib::ask()"), "post.layer > 4");
    assert_eq!(run("rows(lib::slow(3))"), "[13, 13, 23, 33, 43, 43]");
}

#[test]
fn functions_outlive_the_text_that_defined_them() {
    // As at a prompt: the functions of earlier lines are merged into those of the next.
    let engine = engine();
    let mut scope = Scope::new();
    let mut lib = rhai::AST::empty();
    let mut line = |text: &str| {
        let ast = engine.compile_with_scope(&scope, text).expect("a line");
        lib = lib.merge(&ast);
        let value = engine.eval_ast_with_scope::<Dynamic>(&mut scope, &lib).map(|v| v.to_string());
        lib.clear_statements();
        value.unwrap_or_else(|e| format!("error: {e}"))
    };
    line("fn strong(s) { s.g > 0.5 }");
    line("let weak = |s| !strong(s);");
    assert_eq!(line("shown(weak)"), "!(g > 0.5)");
    line("let t = 0.25; let f = |s| s.g > t;");
    assert_eq!(line("tested(f)"), "g > 0.25");
}

mod random {
    use proptest::prelude::*;

    /// A number of a row, written at random.
    fn number() -> BoxedStrategy<String> {
        let leaf = prop_oneof![
            Just("s.g".to_owned()),
            Just("s.delay".to_owned()),
            Just("s.pre.y".to_owned()),
            Just("(s.kind).to_float()".to_owned()),
            Just("limit".to_owned()),
            (-3i32..30).prop_map(|i| format!("({:.1})", f64::from(i) / 4.0)),
        ];
        leaf.prop_recursive(3, 16, 3, |inner| {
            prop_oneof![
                (inner.clone(), prop_oneof![Just("+"), Just("-"), Just("*")], inner.clone())
                    .prop_map(|(a, op, b)| format!("({a} {op} {b})")),
                (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} / (0.5 + {b}.abs()))")),
                inner.clone().prop_map(|a| format!("(-{a})")),
                inner.clone().prop_map(|a| format!("({a}).abs()")),
                inner.clone().prop_map(|a| format!("floor({a})")),
                (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("max({a}, {b})")),
                (condition_of(inner.clone()), inner.clone(), inner.clone())
                    .prop_map(|(c, a, b)| format!("(if {c} {{ {a} }} else {{ {b} }})")),
                (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{{ let q = {a}; q * {b} + q }}")),
                (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("helper({a}, {b})")),
                (inner.clone(), inner).prop_map(|(a, b)| {
                    format!("(switch s.pre.layer {{ 4 => {a}, 5..=6 => {b}, _ => 0.0 }})")
                }),
            ]
        })
        .boxed()
    }

    fn condition_of(number: BoxedStrategy<String>) -> impl Strategy<Value = String> {
        let compared = (number.clone(), prop_oneof![Just("<"), Just(">="), Just("=="), Just("!=")], number);
        prop_oneof![
            // Rhai takes floats for equal that differ in the last bit; whole parts do not.
            compared.prop_map(|(a, op, b)| format!("(floor({a}) {op} floor({b}))")),
            Just("(s.pre in [1, 4])".to_owned()),
            Just("s.post.mtype.starts_with(\"L5\")".to_owned()),
            Just("(s.pre.layer in 5..7)".to_owned()),
            Just("!(s.pre == s.post || s.g > limit)".to_owned()),
            Just("(s.g < limit && s.kind > 0)".to_owned()),
        ]
    }

    /// A function's body that returns early, assigns and chooses.
    fn body() -> impl Strategy<Value = String> {
        let statement = prop_oneof![
            (condition_of(number()), number()).prop_map(|(c, a)| format!("if {c} {{ return {a}; }}")),
            (condition_of(number()), number()).prop_map(|(c, a)| format!("if {c} {{ w = {a}; }}")),
            (condition_of(number()), number(), number())
                .prop_map(|(c, a, b)| format!("if {c} {{ w += {a}; }} else {{ let w = 1.0; return {b}; }}")),
            number().prop_map(|a| format!("w -= {a};")),
            (condition_of(number()), condition_of(number()), number())
                .prop_map(|(c, d, a)| format!("if {c} {{ if {d} {{ return w; }} w = {a}; }}")),
        ];
        (prop::collection::vec(statement, 0..4), number())
            .prop_map(|(statements, last)| format!("{{ let w = 0.5; {} w + {last} }}", statements.join(" ")))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
        #[test]
        fn closures_compute_what_rhai_computes(body in body()) {
            let script = format!(
                "fn helper(a, b) {{ if a > b {{ return a - b; }} a * 0.5 }} let limit = 0.6; tested(|s| {body})"
            );
            let text = super::run(&script);
            prop_assert!(!text.starts_with("error") && (!text.contains(" because it ") || text.contains("too long")), "{} gives {}", script, text);
        }
    }
}
