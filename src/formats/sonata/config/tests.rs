use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::formats::files_of_the_field;
use crate::formats::write::hdf5;

fn parse(config: &Value) -> Result<CircuitConfig> {
    CircuitConfig::of_json(&config.to_string(), Path::new("/c/circuit_config.json"), &PathMap::default())
}

fn refused(config: &Value) -> String {
    let error = parse(config).unwrap_err();
    assert!(error.place().is_some(), "{error}");
    error.to_string()
}

/// A circuit of one population of nodes.
fn of_nodes(population: &Value) -> Value {
    json!({"networks": {"nodes": [{"nodes_file": "n.h5", "populations": {"A": population}}], "edges": []}})
}

/// A circuit of one population of edges.
fn of_edges(population: &Value) -> Value {
    json!({"networks": {"nodes": [], "edges": [{"edges_file": "e.h5", "populations": {"B": population}}]}})
}

/// A configuration with something else in it.
fn with(mut config: Value, key: &str, value: Value) -> Value {
    config[key] = value;
    config
}

#[test]
fn variables_are_replaced_and_paths_become_absolute() {
    let config = parse(&json!({
        "version": 2.4,
        "target_simulator": "NEST",
        "manifest": {"$BASE_DIR": ".", "$NET": "$BASE_DIR/network", "$C": "./comp", "PLAIN": "p", "${B}": "b"},
        "node_sets_file": "${configdir}/sets/../node_sets.json",
        "components": {"morphologies_dir": "$C/m", "provenance": {"bioname_dir": "./${B}"},
                       "alternate_morphologies": {"h5v1": "$PLAIN/${B}_h5", "neurolucida-asc": "/asc/./x"},
                       "mechanisms_dir": "", "templates_dir": null},
        "networks": {"nodes": [{"nodes_file": "$NET/../n.h5", "populations": {"a_file": {"type": "$C"}}}],
                     "edges": []},
        "regex": "^L5$", "run": "$NET/out_$datetime",
    }))
    .unwrap();
    let expanded = json!({
        "version": 2.4,
        "target_simulator": "NEST",
        "manifest": {"$BASE_DIR": ".", "$NET": "network", "$C": "./comp", "PLAIN": "p", "${B}": "b"},
        "node_sets_file": "/c/node_sets.json",
        "components": {"morphologies_dir": "/c/comp/m", "provenance": {"bioname_dir": "/c/b"},
                       "alternate_morphologies": {"h5v1": "/c/p/b_h5", "neurolucida-asc": "/asc/x"},
                       "mechanisms_dir": "", "templates_dir": null},
        "networks": {"nodes": [{"nodes_file": "/c/n.h5", "populations": {"a_file": {"type": "comp"}}}],
                     "edges": []},
        "regex": "^L5$", "run": "network/out_$datetime",
    });
    assert_eq!(config.expanded, expanded);
    assert_eq!(serde_json::from_str::<Value>(&config.to_json()).unwrap(), expanded);
    assert_eq!(config.node_sets_file.as_deref(), Some(Path::new("/c/node_sets.json")));
    assert_eq!((config.status, config.nodes.len(), config.edges.len()), (Status::Complete, 1, 0));
}

#[test]
fn wrong_variables_are_named() {
    let cases = [
        (
            json!({"$FOO": "$BAR", "$BAR": "$FOO/x"}),
            json!(""),
            "`$FOO` of the manifest is made of itself: $FOO → $BAR → $FOO",
        ),
        (json!({"$X": "$A", "$A": "$A"}), json!(""), "$A → $A"),
        (json!({"$FOO[]": "x"}), json!(""), "`$FOO[]` of the manifest cannot be the name of a variable"),
        (json!({"$": "x"}), json!(""), "`$` of the manifest"),
        (json!({"$A": 1}), json!(""), "variable `$A` of the manifest must be a text, not 1"),
        (json!({"$A": null}), json!(""), "must be a text, not null"),
        (json!(["$A"]), json!(""), "`manifest` must be a map, not a list"),
        (json!({"$A": "/a"}), json!("a temporary folder$A"), "`$A` is misplaced in \"a temporary folder$A\""),
        (json!({"$A": "/a"}), json!("x/$A"), "`$A` is misplaced"),
        (json!({"$A": "/a"}), json!("x${A}"), "`$A` is misplaced"),
        (
            json!({"$BASE_DIR": "/a"}),
            json!(["$BASEDIR/x"]),
            "no variable `$BASEDIR`, which \"$BASEDIR/x\" needs",
        ),
        (json!({"$BASE_DIR": "/a"}), json!(["$BASEDIR/x"]), "did you mean `$BASE_DIR`?"),
        (json!({"$A": "$NOWHERE"}), json!(""), "no variable `$NOWHERE`"),
        (json!(null), json!({"deep": "$X"}), "there are: $configdir, $workingdir"),
    ];
    for (manifest, used, message) in cases {
        let config = with(with(of_nodes(&json!({"type": "virtual"})), "manifest", manifest), "x", used);
        let error = refused(&config);
        assert!(error.contains(message), "{config}: {error}");
    }
    // Each variable is ten times as long as the one before.
    let many = |n: usize| vec![format!("$V{}", n + 1); 10].join("/");
    let mut manifest: Map<String, Value> = (0..30).map(|n| (format!("$V{n}"), many(n).into())).collect();
    manifest.insert("$V30".into(), "x".into());
    let config = json!({"manifest": manifest, "networks": {"nodes": []}});
    assert!(refused(&config).contains("becomes too long"));
}

#[test]
fn components_hold_for_all_populations_until_one_says_otherwise() {
    let config = parse(&json!({
        "components": {"morphologies_dir": "m", "biophysical_neuron_models_dir": "b",
                       "alternate_morphologies": {"h5v1": "h", "neurolucida-asc": "a"}},
        "networks": {
            "nodes": [{"nodes_file": "n.h5", "node_types_file": "t.csv", "populations": {
                "A": {}, "B": {"morphologies_dir": "q", "alternate_morphologies": {"h5v1": "x"}},
                "C": {"type": "Virtual cells", "morphologies_dir": null}}}],
            "edges": [{"edges_file": "e.h5", "edge_types_file": null,
                       "populations": {"D": null, "E": {"type": "electrical", "spatial_synapse_index_dir": "i"}}}]
        }
    }))
    .unwrap();
    let kinds = |half: &[PopulationConfig]| -> Vec<String> {
        half.iter().map(|p| format!("{} {}", p.name, p.kind)).collect()
    };
    assert_eq!(kinds(&config.nodes), ["A biophysical", "B biophysical", "C Virtual cells"]);
    assert_eq!(kinds(&config.edges), ["D chemical", "E electrical"]);
    let (b, c, e) = (&config.nodes[1], &config.nodes[2], &config.edges[1]);
    let properties = json!({"morphologies_dir": "/c/q", "biophysical_neuron_models_dir": "/c/b",
        "alternate_morphologies": {"h5v1": "/c/x"}, "type": "biophysical", "nodes_file": "/c/n.h5"});
    assert_eq!(Value::Object(b.properties.clone()), properties);
    assert_eq!((&b.file, &b.types_file), (&PathBuf::from("/c/n.h5"), &Some(PathBuf::from("/c/t.csv"))));
    assert_eq!(c.properties["morphologies_dir"], "/c/m");
    assert_eq!((e.types_file.as_ref(), &e.properties["edges_file"]), (None, &json!("/c/e.h5")));
    assert_eq!(e.properties["spatial_synapse_index_dir"], "/c/i");
}

#[test]
fn what_is_no_circuit_is_told() {
    let complete = [
        (json!([]), "the configuration of a circuit must be a map, not a list"),
        (json!({"manifest": {}}), "the configuration has no `networks`"),
        (json!({"netwroks": {}}), "there is `netwroks` instead"),
        (json!({"networks": {"edges": []}}), "`networks` has no `nodes`"),
        (json!({"networks": []}), "`networks` must be a map, not a list"),
        (json!({"networks": {"nodes": {}}}), "`networks.nodes` must be a list, not a map"),
        (json!({"networks": {"nodes": ["n.h5"]}}), "an entry of `networks.nodes` must be a map, not a text"),
        (
            json!({"networks": {"nodes": [{"nodes_file": ""}]}}),
            "an entry of `networks.nodes` has no `nodes_file`",
        ),
        (json!({"networks": {"nodes": [{}]}}), "has no `nodes_file`"),
        (json!({"networks": {"nodes": [{"nodes_file": 1}]}}), "`nodes_file` must be a text, not 1"),
        (
            json!({"networks": {"nodes": [{"nodes_file": "n", "populations": ["A"]}]}}),
            "`populations` of /c/n must be a map",
        ),
        (json!({"networks": {"nodes": []}, "node_sets_file": 3}), "`node_sets_file` must be a text, not 3"),
        (
            json!({"networks": {"nodes": []}, "metadata": {"status": "nope"}}),
            "`metadata.status` must be \"complete\" or \"partial\", not \"nope\"",
        ),
        (json!({"networks": {"nodes": []}, "metadata": {"status": "Complete"}}), "not \"Complete\""),
        (of_nodes(&json!(3)), "population `A` must be a map, not 3"),
        (of_nodes(&json!({"type": 1})), "`type` of population `A` must be a text, not 1"),
        (of_nodes(&json!({"morphologies_dir": ["m"]})), "`morphologies_dir` must be a text, not a list"),
        (
            of_nodes(&json!({"alternate_morphologies": {"h5v1": 1}})),
            "`alternate_morphologies.h5v1` must be a text",
        ),
        (
            of_nodes(&json!({})),
            "node population `A` is of type biophysical, but has no `morphologies_dir` or `alternate_morphologies`",
        ),
        (
            of_nodes(&json!({"morphologies_dir": "", "alternate_morphologies": {}})),
            "has no `morphologies_dir`",
        ),
        (
            of_nodes(&json!({"morphologies_dir": "m"})),
            "`A` is of type biophysical, but has no `biophysical_neuron_models_dir`",
        ),
        (of_nodes(&json!({"type": "astrocyte"})), "has no `microdomains_file`"),
        (of_nodes(&json!({"type": "vasculature", "vasculature_mesh": "f"})), "has no `vasculature_file`"),
        (of_nodes(&json!({"type": "vasculature", "vasculature_file": "f"})), "has no `vasculature_mesh`"),
        (
            of_edges(&json!({"type": "endfoot"})),
            "edge population `B` is of type endfoot, but has no `endfeet_meshes_file`",
        ),
    ];
    for (config, message) in complete {
        let error = refused(&config);
        assert!(error.contains(message), "{config}: {error}");
    }
    let twice = json!([{"nodes_file": "a.h5", "populations": {"A": {"type": "virtual"}}},
                       {"nodes_file": "b.h5", "populations": {"A": {"type": "virtual"}}}]);
    let error = refused(&json!({"networks": {"nodes": twice}}));
    assert!(
        error.contains("population `A` is declared twice") && error.contains("in /c/a.h5 and in /c/b.h5")
    );
}

#[test]
fn what_is_enough_is_not_refused() {
    let partial = json!({"status": "partial"});
    let configs = [
        json!({"networks": {"nodes": []}}),
        json!({"networks": {"nodes": [], "edges": null}, "metadata": [], "manifest": null}),
        json!({"metadata": partial}),
        json!({"metadata": partial, "networks": {}}),
        with(of_nodes(&json!({})), "metadata", partial.clone()),
        with(of_nodes(&json!({"type": "vasculature"})), "metadata", partial),
        of_nodes(&json!({"type": "foo"})),
        of_nodes(&json!({"biophysical_neuron_models_dir": "b", "alternate_morphologies": {"h5v1": "x"}})),
        with(of_edges(&json!({"type": "endfoot"})), "components", json!({"endfeet_meshes_file": "x"})),
        with(of_nodes(&json!({"type": "virtual"})), "components", json!([])),
    ];
    for config in configs {
        assert!(parse(&config).is_ok(), "{config}");
    }
}

#[test]
fn where_populations_are_not_listed_those_of_the_file_count() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: Value| std::fs::write(folder.path().join(name), text.to_string()).unwrap();
    let mut file = hdf5::File::create(&folder.path().join("nodes.h5")).unwrap();
    let nodes = file.group(file.root(), "nodes").unwrap();
    for name in ["v1", "lgn"] {
        file.group(nodes, name).unwrap();
    }
    file.finish().unwrap();
    write(
        "circuit_config.json",
        json!({"networks": {
            "nodes": [{"nodes_file": "nodes.h5", "node_types_file": "types.csv"}],
            "edges": [{"edges_file": "gone/v1_v1.h5"}]
        }}),
    );
    write(
        "config.json",
        json!({"manifest": {"$HERE": "."}, "network": "$HERE/circuit_config.json", "simulation": "s"}),
    );
    write("one.json", json!({"network": "other.json"}));
    write("other.json", json!({"network": "./one.json"}));

    let read = |name: &str| CircuitConfig::read(&folder.path().join(name), &PathMap::default());
    for name in ["circuit_config.json", "config.json"] {
        let config = read(name).unwrap();
        let mut names: Vec<&str> = config.nodes.iter().map(|p| p.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["lgn", "v1"]);
        assert!(config.nodes.iter().all(|p| p.kind == "biophysical" && p.types_file.is_some()));
        assert_eq!(config.edges[0].name, "v1_v1");
        assert_eq!(config.path.file_name().unwrap(), "circuit_config.json");
    }
    assert!(read("one.json").unwrap_err().message().contains("leads back to this file"));
    assert!(read("gone.json").is_err());
}

#[test]
fn roots_that_moved_are_replaced() {
    let mut path_map = PathMap::default();
    path_map.add("/gpfs/bbp", "/data");
    let config = json!({
        "manifest": {"$BASE": "/gpfs/bbp/x"}, "node_sets_file": "/gpfs/other",
        "networks": {"nodes": [{"nodes_file": "$BASE/../n.h5", "populations": {"A": {"type": "virtual"}}}]}
    });
    let config = CircuitConfig::of_json(&config.to_string(), Path::new("/c/x.json"), &path_map).unwrap();
    assert_eq!(config.nodes[0].file, Path::new("/data/n.h5"));
    assert_eq!(config.node_sets_file.as_deref(), Some(Path::new("/gpfs/other")));
}

#[test]
fn paths_become_tidy_by_their_text() {
    let cases = [
        ("/a/./b/../c", "/a/c"),
        ("/..", "/"),
        ("../x", "../x"),
        ("a/../../x/", "../x"),
        ("a/..", "."),
        ("./", "."),
    ];
    for (path, tidied) in cases {
        assert_eq!(without_detours(Path::new(path)), Path::new(tidied), "{path}");
    }
}

proptest! {
    #[test]
    fn any_json_is_read_or_refused(text in r#"(\{|\[|"|\$[AB]|\$\{A\}|/|\.\.|manifest|networks|nodes|:|,|\}|\]|1|é){0,40}"#, value in "[$A{}/.é]{0,12}") {
        let path = Path::new("/c/x.json");
        let _ = CircuitConfig::of_json(&text, path, &PathMap::default());
        let config = json!({"manifest": {"$A": value}, "networks": {"nodes": [{"nodes_file": value}]}, "x": value});
        let _ = parse(&config);
    }
}

#[test]
fn the_configurations_of_the_field() {
    let mut read = 0;
    for path in files_of_the_field(&["oracle/sonata/data", "real"]) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !(name.starts_with("circuit") && name.ends_with(".json")) {
            continue;
        }
        match CircuitConfig::read(&path, &PathMap::default()) {
            Ok(config) => {
                assert!(!config.nodes.is_empty(), "{}", path.display());
                assert!(config.nodes.iter().chain(&config.edges).all(|p| p.file.is_absolute()));
                read += 1;
            }
            // One of them is refused by every reader.
            Err(error) => assert!(error.message().contains("no `endfeet_meshes_file`"), "{error}"),
        }
    }
    if read == 0 {
        println!("skipped: the files of the field are not here");
    }
}
