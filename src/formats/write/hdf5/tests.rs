//! What is written is read back with another implementation of the format.

use std::path::PathBuf;

use hdf5_reader::messages::datatype::{
    CompoundField, Datatype, EnumMember, ReferenceType, StringEncoding, StringPadding, StringSize, VarLenKind,
};
use hdf5_reader::{ByteOrder, Hdf5File};
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.h5");
    (folder, path)
}

/// Numbers that look random and are the same each time.
struct Digits(u64);

impl Digits {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn text(&mut self, most: u64) -> String {
        let letters = ['a', 'Z', '_', ' ', 'é', 'λ', '神', '\n'];
        let wanted = self.next() % (most + 1);
        let mut text = String::new();
        while (text.len() as u64) < wanted {
            let letter = letters[self.next() as usize % letters.len()];
            if (text.len() + letter.len_utf8()) as u64 > most {
                break;
            }
            text.push(letter);
        }
        text
    }

    /// Elements of a type, with a shape of one dimension.
    fn elements(&mut self, kind: &Type, count: u64, objects: usize) -> Array {
        let shape = vec![count];
        let data = match kind {
            Type::Text => Data::Texts((0..count).map(|_| self.text(90)).collect()),
            Type::FixedText(width) => Data::Texts((0..count).map(|_| self.text(u64::from(*width))).collect()),
            Type::Reference => {
                Data::References((0..count).map(|_| Object(self.next() as usize % objects)).collect())
            }
            Type::Enumeration { members, .. } => {
                let pick = |d: &mut Self| members[d.next() as usize % members.len()].1;
                let values: Vec<i64> = (0..count).map(|_| pick(self)).collect();
                return Array::enumeration(kind.clone(), &values);
            }
            _ => Data::Bytes((0..count * kind.size()).map(|_| self.next() as u8).collect()),
        };
        Array { kind: kind.clone(), shape, data }
    }
}

/// The type as the reader tells it.
fn as_read(kind: &Type) -> Datatype {
    let byte_order = ByteOrder::LittleEndian;
    match kind {
        Type::Int { size, signed } => Datatype::FixedPoint { size: *size, signed: *signed, byte_order },
        Type::Float { size } => Datatype::FloatingPoint { size: *size, byte_order },
        Type::Text => Datatype::VarLen {
            base: Box::new(as_read(&u8::TYPE)),
            kind: VarLenKind::String,
            encoding: StringEncoding::Utf8,
            padding: StringPadding::NullTerminate,
        },
        Type::FixedText(width) => Datatype::String {
            size: StringSize::Fixed(*width),
            encoding: StringEncoding::Utf8,
            padding: StringPadding::NullPad,
        },
        Type::Enumeration { base, members } => Datatype::Enum {
            base: Box::new(as_read(base)),
            members: members
                .iter()
                .map(|(name, value)| EnumMember {
                    name: name.clone(),
                    value: value.to_le_bytes()[..base.size() as usize].to_vec(),
                })
                .collect(),
        },
        Type::Compound(members) => {
            let mut offset = 0;
            let fields = members
                .iter()
                .map(|(name, kind)| {
                    let byte_offset = offset;
                    offset += kind.size() as u32;
                    CompoundField { name: name.clone(), byte_offset, datatype: as_read(kind) }
                })
                .collect();
            Datatype::Compound { size: offset, fields }
        }
        Type::Reference => Datatype::Reference { ref_type: ReferenceType::Object, size: 8 },
    }
}

fn number() -> impl Strategy<Value = Type> {
    prop_oneof![
        (0..4u8, any::<bool>()).prop_map(|(log, signed)| Type::Int { size: 1 << log, signed }),
        any::<bool>().prop_map(|long| Type::Float { size: if long { 8 } else { 4 } }),
    ]
}

fn enumeration() -> impl Strategy<Value = Type> {
    let members = prop::collection::btree_map(-128..128i64, Just(()), 1..20);
    (any::<bool>(), members).prop_map(|(wide, members)| {
        let members: Vec<(String, i64)> = members
            .keys()
            .map(|v| (format!("{}{v}", "n".repeat(v.unsigned_abs() as usize % 9)), *v))
            .collect();
        let base = Type::Int { size: if wide { 4 } else { 1 }, signed: true };
        Type::Enumeration { base: Box::new(base), members }
    })
}

fn kind() -> impl Strategy<Value = Type> {
    let fixed = || prop_oneof![number(), (1..40u32).prop_map(Type::FixedText), enumeration()];
    let compound = fixed().prop_recursive(2, 8, 4, |inner| {
        prop::collection::vec(inner, 1..5).prop_map(|kinds| {
            Type::Compound(kinds.into_iter().enumerate().map(|(i, k)| (format!("member {i}"), k)).collect())
        })
    });
    prop_oneof![3 => fixed(), 1 => compound, 2 => Just(Type::Text), 1 => Just(Type::Reference)]
}

/// How a dataset is stored and filled.
#[derive(Clone, Debug)]
struct Plan {
    chunk_rows: Option<u64>,
    deflate: Option<u32>,
    growing: bool,
    unlimited: bool,
}

#[derive(Clone, Debug)]
enum Item {
    Group,
    Dataset(Type, Vec<u64>, Plan),
    Repeated(Type, Vec<u64>),
    Soft,
    Attribute(Type, Vec<u64>),
}

fn plan() -> impl Strategy<Value = Plan> {
    (prop::option::of(1..5u64), prop::option::of(1..10u32), any::<bool>(), any::<bool>()).prop_map(
        |(chunk_rows, deflate, growing, unlimited)| Plan { chunk_rows, deflate, growing, unlimited },
    )
}

fn item() -> impl Strategy<Value = Item> {
    let shape = || prop::collection::vec(0..7u64, 0..4);
    prop_oneof![
        2 => Just(Item::Group),
        5 => (kind(), shape(), plan()).prop_map(|(k, s, p)| Item::Dataset(k, s, p)),
        2 => (kind(), shape()).prop_map(|(k, s)| Item::Repeated(k, s)),
        1 => Just(Item::Soft),
        4 => (kind(), shape()).prop_map(|(k, s)| Item::Attribute(k, s)),
    ]
}

/// What a reader should find.
enum Expected {
    Dataset { path: String, elements: Array, largest: Option<Vec<u64>> },
    Attribute { path: String, name: String, elements: Array },
    Soft { path: String },
}

/// Writes items at places that `digits` choose.
fn write(path: &Path, items: &[Item], seed: u64) -> Result<(Vec<Expected>, Vec<String>)> {
    let mut digits = Digits(seed);
    let mut file = File::create(path)?;
    let mut groups = vec![file.root()];
    let mut objects = vec!["/".to_owned()];
    let mut expected = Vec::new();
    for (i, item) in items.iter().enumerate() {
        let parent = groups[digits.next() as usize % groups.len()];
        let name = format!(
            "{}{i}",
            ["a", "Ünïcode ", "a longer name of a member ", "@"][digits.next() as usize % 4]
        );
        let below = |objects: &[String]| format!("{}/{name}", objects[parent.0].trim_end_matches('/'));
        match item {
            Item::Group => {
                groups.push(file.group(parent, &name)?);
                objects.push(below(&objects));
            }
            Item::Soft => {
                let target = objects[digits.next() as usize % objects.len()].clone();
                file.soft_link(parent, &name, &target)?;
                expected.push(Expected::Soft { path: below(&objects) });
            }
            Item::Attribute(kind, shape) => {
                let at = digits.next() as usize % objects.len();
                let elements = digits.elements(kind, shape.iter().product(), objects.len()).shape(shape);
                file.attribute(Object(at), &name, &elements)?;
                expected.push(Expected::Attribute { path: objects[at].clone(), name, elements });
            }
            Item::Repeated(Type::Text | Type::Reference, _) => {}
            Item::Repeated(kind, shape) => {
                let element = digits.elements(kind, 1, objects.len());
                file.repeat(parent, &name, &element, shape)?;
                let path = below(&objects);
                objects.push(path.clone());
                let count: u64 = shape.iter().product();
                let data = match element.data {
                    Data::Bytes(bytes) => Data::Bytes(bytes.repeat(count as usize)),
                    Data::Texts(texts) => Data::Texts(vec![texts[0].clone(); count as usize]),
                    Data::References(_) => unreachable!("no reference is repeated"),
                };
                let elements = Array { kind: kind.clone(), shape: shape.clone(), data };
                expected.push(Expected::Dataset { path, elements, largest: None });
            }
            Item::Dataset(kind, shape, plan) => {
                let reference = *kind == Type::Reference;
                let growing = plan.growing && !shape.is_empty() && !reference;
                // A row without elements counts for nothing.
                let mut shape = shape.clone();
                if growing && shape[1..].contains(&0) {
                    shape[0] = 0;
                }
                let mut spec = if growing {
                    Spec::growing(kind.clone(), &shape[1..])
                } else {
                    Spec::fixed(kind.clone(), &shape)
                };
                let mut unlimited = false;
                if !reference {
                    spec.chunk_rows = plan.chunk_rows;
                    spec.deflate = plan.deflate;
                    unlimited = plan.unlimited;
                    spec.unlimited = unlimited;
                }
                let elements = digits.elements(kind, shape.iter().product(), objects.len());
                let dataset = file.dataset(parent, &name, &spec)?;
                let row = if growing { shape[1..].iter().product() } else { 1 };
                for piece in pieces(&elements, row, &mut digits) {
                    file.append(dataset, &piece)?;
                }
                let path = below(&objects);
                objects.push(path.clone());
                let largest = (growing || unlimited).then(|| {
                    shape
                        .iter()
                        .enumerate()
                        .map(|(a, &d)| if a == 0 || unlimited { u64::MAX } else { d })
                        .collect()
                });
                // A single value cannot grow.
                let largest = largest.filter(|l: &Vec<u64>| !l.is_empty());
                expected.push(Expected::Dataset { path, elements: elements.shape(&shape), largest });
            }
        }
    }
    file.finish()?;
    Ok((expected, objects))
}

/// The same elements in pieces of whole rows.
fn pieces(array: &Array, row: u64, digits: &mut Digits) -> Vec<Array> {
    let total: u64 = array.shape.iter().product();
    let mut pieces = Vec::new();
    let mut start = 0;
    while start < total {
        let end = (start + row * (1 + digits.next() % 4)).min(total);
        let range = start as usize..end as usize;
        let data = match &array.data {
            Data::Texts(texts) => Data::Texts(texts[range].to_vec()),
            Data::References(objects) => Data::References(objects[range].to_vec()),
            Data::Bytes(bytes) => {
                let size = array.kind.size() as usize;
                Data::Bytes(bytes[range.start * size..range.end * size].to_vec())
            }
        };
        pieces.push(Array { kind: array.kind.clone(), shape: vec![end - start], data });
        start = end;
    }
    pieces
}

/// The address of the object at a path.
fn address(file: &Hdf5File, path: &str) -> u64 {
    match file.dataset(path) {
        Ok(dataset) => dataset.address(),
        Err(_) if path == "/" => file.root_group().expect("the root").address(),
        Err(_) => file.group(path).expect(path).address(),
    }
}

fn stored_bytes(array: &Array, file: &Hdf5File, objects: &[String]) -> Vec<u8> {
    match &array.data {
        Data::Bytes(bytes) => bytes.clone(),
        Data::References(references) => {
            references.iter().flat_map(|o| address(file, &objects[o.0]).to_le_bytes()).collect()
        }
        Data::Texts(texts) => {
            let width = array.kind.size() as usize;
            let padded = |t: &String| t.bytes().chain(std::iter::repeat(0)).take(width).collect::<Vec<u8>>();
            texts.iter().flat_map(padded).collect()
        }
    }
}

fn compare(path: &Path, expected: &[Expected], objects: &[String]) {
    let file = Hdf5File::open(path).expect("open");
    for item in expected {
        match item {
            Expected::Soft { path } => {
                address(&file, path);
            }
            Expected::Dataset { path, elements, largest } => {
                let dataset = file.dataset(path).expect(path);
                assert_eq!(dataset.shape(), elements.shape, "{path}");
                assert_eq!(*dataset.dtype(), as_read(&elements.kind), "{path}");
                assert_eq!(dataset.max_dims(), largest.as_deref(), "{path}");
                if let (Type::Text, Data::Texts(texts)) = (&elements.kind, &elements.data) {
                    assert_eq!(dataset.read_strings().expect(path), *texts, "{path}");
                } else {
                    let raw = dataset.read_raw_bytes().expect(path);
                    assert_eq!(raw, stored_bytes(elements, &file, objects), "{path}");
                }
            }
            Expected::Attribute { path, name, elements } => {
                let attribute = match file.dataset(path) {
                    Ok(dataset) => dataset.attribute(name),
                    Err(_) if path == "/" => file.root_group().expect("the root").attribute(name),
                    Err(_) => file.group(path).expect(path).attribute(name),
                }
                .expect(name);
                assert_eq!(attribute.shape, elements.shape, "{path} {name}");
                assert_eq!(attribute.datatype, as_read(&elements.kind), "{path} {name}");
                match (&elements.kind, &elements.data) {
                    (Type::Text, Data::Texts(texts)) => {
                        assert_eq!(attribute.read_strings().expect(name), *texts, "{path} {name}");
                    }
                    _ => assert_eq!(
                        attribute.raw_data,
                        stored_bytes(elements, &file, objects),
                        "{path} {name}"
                    ),
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_is_written_is_read(items in prop::collection::vec(item(), 0..40), seed in any::<u64>()) {
        let (folder, path) = folder();
        let (expected, objects) = write(&path, &items, seed).expect("write");
        compare(&path, &expected, &objects);
        let again = folder.path().join("b.h5");
        write(&again, &items, seed).expect("write");
        prop_assert_eq!(std::fs::read(&path).expect("a"), std::fs::read(&again).expect("b"));
    }
}

#[test]
fn large_groups_and_many_chunks_have_trees_of_several_levels() {
    let (_folder, path) = folder();
    let mut file = File::create(&path).expect("create");
    let group = file.group(file.root(), "cells").expect("group");
    for i in 0..9000_u32 {
        file.write(group, &format!("a{i}"), &Array::numbers(&[i, 2 * i])).expect("write");
    }
    let spec = Spec::growing(u16::TYPE, &[2]).chunk_rows(1);
    let chunked = file.dataset(file.root(), "chunked", &spec).expect("dataset");
    let values: Vec<u16> = (0..10_000).collect();
    file.append(chunked, &Array::numbers(&values)).expect("append");
    for i in 0..3000_u32 {
        file.attribute(group, &format!("attribute {i}"), &Array::number(i)).expect("attribute");
    }
    file.finish().expect("finish");

    let file = Hdf5File::open(&path).expect("open");
    let (_, names) = file.group("cells").expect("group").member_names().expect("names");
    let mut wanted: Vec<String> = (0..9000).map(|i| format!("a{i}")).collect();
    wanted.sort();
    assert_eq!(names, wanted);
    for i in [0, 1, 63, 4095, 8999_u32] {
        let dataset = file.dataset(&format!("cells/a{i}")).expect("dataset");
        assert_eq!(
            dataset.read_array::<u32>().expect("read").iter().copied().collect::<Vec<_>>(),
            [i, 2 * i]
        );
    }
    assert_eq!(file.group("cells").expect("group").attributes().expect("attributes").len(), 3000);
    let dataset = file.dataset("chunked").expect("dataset");
    assert_eq!(dataset.read_array::<u16>().expect("read").iter().copied().collect::<Vec<_>>(), values);
}

#[test]
fn texts_of_any_length_go_to_the_heap() {
    let (_folder, path) = folder();
    let texts: Vec<String> =
        (0..70_000).map(|i| if i % 7 == 0 { String::new() } else { format!("t{i}") }).collect();
    let long = ["x".repeat(100_000), "y".repeat(64 << 10), "z".into()];
    let mut file = File::create(&path).expect("create");
    file.write(file.root(), "many", &Array::texts(&texts)).expect("write");
    let spec = Spec::growing(Type::Text, &[]).deflate(1).chunk_rows(1000);
    let chunked = file.dataset(file.root(), "chunked", &spec).expect("dataset");
    for piece in texts.chunks(999) {
        file.append(chunked, &Array::texts(piece)).expect("append");
    }
    file.write(file.root(), "long", &Array::texts(&long)).expect("write");
    file.write(file.root(), "one", &Array::text("λ")).expect("write");
    file.finish().expect("finish");
    let file = Hdf5File::open(&path).expect("open");
    assert!(file.dataset("many").expect("many").read_strings().expect("read") == texts);
    assert!(file.dataset("chunked").expect("chunked").read_strings().expect("read") == texts);
    assert!(file.dataset("long").expect("long").read_strings().expect("read") == long);
    assert_eq!(file.dataset("one").expect("one").read_string().expect("read"), "λ");
}

#[test]
fn pieces_of_several_datasets_may_alternate() {
    let (_folder, path) = folder();
    let mut file = File::create(&path).expect("create");
    let specs =
        [Spec::fixed(f32::TYPE, &[1000, 3]), Spec::growing(f32::TYPE, &[3]).deflate(4).chunk_rows(64)];
    let datasets = specs.map(|spec| {
        let name = format!("d{}", u8::from(spec.growing));
        file.dataset(file.root(), &name, &spec).expect("dataset")
    });
    let values: Vec<f32> = (0..3000).map(|i| i as f32).collect();
    for piece in values.chunks(300) {
        for dataset in datasets {
            file.append(dataset, &Array::numbers(piece)).expect("append");
        }
    }
    file.finish().expect("finish");
    let file = Hdf5File::open(&path).expect("open");
    for name in ["d0", "d1"] {
        let dataset = file.dataset(name).expect(name);
        assert_eq!(dataset.shape(), [1000, 3]);
        assert!(dataset.read_array::<f32>().expect("read").iter().eq(&values), "{name}");
    }
}

/// The message with which something is refused, where the file itself stays usable.
fn refused(file: &mut File, refuse: impl FnOnce(&mut File) -> Result<()>) -> String {
    let error = refuse(file).expect_err("refused");
    assert!(error.place().is_some(), "{error}");
    error.message().to_owned()
}

#[test]
fn what_hdf5_cannot_hold_is_refused() {
    let (_folder, path) = folder();
    let mut file = File::create(&path).expect("create");
    let root = file.root();
    file.group(root, "a").expect("group");
    let data = file.write(root, "d", &Array::numbers(&[1.0_f32])).expect("write");
    let file = &mut file;
    let said = |text: &str, message: String| assert!(message.contains(text), "{message}");

    said("there is a `a` already", refused(file, |f| f.group(root, "a").map(|_| ())));
    said("there is a `d` already", refused(file, |f| f.write(root, "d", &Array::number(1)).map(|_| ())));
    for name in ["", ".", "x/y", "x\0"] {
        said("cannot name a member", refused(file, |f| f.group(root, name).map(|_| ())));
    }
    said("a link cannot lead to", refused(file, |f| f.soft_link(root, "l", "")));
    said("more elements than", refused(file, |f| f.append(data, &Array::number(1.0_f32))));
    said("elements of type", refused(file, |f| f.append(data, &Array::number(1.0_f64))));
    said(
        "elements for a shape",
        refused(file, |f| f.write(root, "e", &Array::numbers(&[1, 2]).shape(&[3])).map(|_| ())),
    );
    said(
        "too many elements",
        refused(file, |f| f.dataset(root, "e", &Spec::fixed(f64::TYPE, &[u64::MAX / 4, 2])).map(|_| ())),
    );
    said(
        "larger than a file can be",
        refused(file, |f| f.dataset(root, "e", &Spec::fixed(u8::TYPE, &[u64::MAX / 2])).map(|_| ())),
    );
    said("at most 32", refused(file, |f| f.dataset(root, "e", &Spec::fixed(u8::TYPE, &[1; 33])).map(|_| ())));
    said(
        "more than 1 GB",
        refused(file, |f| {
            f.dataset(root, "e", &Spec::growing(u8::TYPE, &[1 << 20]).chunk_rows(1 << 20)).map(|_| ())
        }),
    );
    said(
        "level of compression",
        refused(file, |f| f.dataset(root, "e", &Spec::growing(u8::TYPE, &[]).deflate(10)).map(|_| ())),
    );
    said(
        "not in chunks",
        refused(file, |f| f.dataset(root, "e", &Spec::growing(Type::Reference, &[])).map(|_| ())),
    );
    said(
        "one element is repeated",
        refused(file, |f| f.repeat(root, "e", &Array::numbers(&[1, 2]), &[3]).map(|_| ())),
    );
    said("a fixed length", refused(file, |f| f.repeat(root, "e", &Array::text("a"), &[3]).map(|_| ())));
    said(
        "too many elements",
        refused(file, |f| f.repeat(root, "e", &Array::number(1_i64), &[u64::MAX / 4, 2]).map(|_| ())),
    );
    said("holds a zero", refused(file, |f| f.write(root, "e", &Array::text("a\0b")).map(|_| ())));
    said(
        "does not fit in 2 bytes",
        refused(file, |f| f.write(root, "e", &Array::fixed_texts(&["abc"], Some(2))).map(|_| ())),
    );
    let int = |size| Type::Int { size, signed: true };
    let bad = [
        (int(3), "numbers of 3 bytes"),
        (Type::FixedText(0), "at least one byte"),
        (Type::enumeration(int(1), []), "takes 1 to 65535"),
        (Type::enumeration(int(1), [("a", 1), ("a", 2)]), "are named `a`"),
        (Type::enumeration(int(1), [("a", 1), ("b", 1)]), "stand for 1"),
        (Type::enumeration(int(1), [("a", 128)]), "does not fit in 1 bytes"),
        (Type::enumeration(f32::TYPE, [("a", 1)]), "whole numbers"),
        (Type::Compound(vec![("a".into(), Type::Text)]), "fixed length"),
    ];
    for (kind, text) in bad {
        said(text, refused(file, |f| f.dataset(root, "e", &Spec::fixed(kind, &[1])).map(|_| ())));
    }
    said(
        "no member of its enumeration",
        refused(file, |f| f.write(root, "e", &Array::enumeration(Type::boolean(), &[0, 2])).map(|_| ())),
    );
    said("at most 64 KB", refused(file, |f| f.attribute(root, "big", &Array::numbers(&vec![0_u8; 70_000]))));
    said("at most 65528", refused(file, |f| f.attribute(root, &"n".repeat(70_000), &Array::number(0))));
    let names: Vec<String> = (0..9000).map(|i| format!("name{i}")).collect();
    let large = Type::enumeration(int(2), names.iter().zip(0..).map(|(n, i)| (n.as_str(), i)));
    said(
        "at most 65528",
        refused(file, |f| f.attribute(root, "e", &Array::enumeration(large.clone(), &[0]))),
    );
    said("at most 65528", refused(file, |f| f.dataset(root, "e", &Spec::fixed(large, &[1])).map(|_| ())));
    file.attribute(data, "a", &Array::number(0)).expect("attribute");
    said("an attribute `a` already", refused(file, |f| f.attribute(data, "a", &Array::number(1))));
    said("another file", refused(file, |f| f.attribute(Object(77), "a", &Array::number(1))));
    said("another file", refused(file, |f| f.attribute(root, "r", &Array::reference(Object(77)))));
    said("another file", refused(file, |f| f.group(Group(77), "x").map(|_| ())));
    said("another file", refused(file, |f| f.append(Dataset(0), &Array::number(1))));
}

#[test]
fn a_file_that_was_refused_things_is_whole() {
    let (_folder, path) = folder();
    let mut file = File::create(&path).expect("create");
    let root = file.root();
    let data = file.dataset(root, "d", &Spec::growing(f32::TYPE, &[2])).expect("dataset");
    refused(&mut file, |f| f.append(data, &Array::numbers(&[1.0_f32, 2.0, 3.0])));
    file.append(data, &Array::numbers(&[1.0_f32, 2.0])).expect("append");
    refused(&mut file, |f| f.attribute(data, "a", &Array::numbers(&vec![0_u8; 70_000])));
    file.finish().expect("finish");
    let file = Hdf5File::open(&path).expect("open");
    assert_eq!(file.dataset("d").expect("d").shape(), [1, 2]);
    assert!(file.dataset("d").expect("d").attributes().is_empty());
}

#[test]
fn a_dataset_with_too_few_elements_keeps_the_old_file() {
    let (folder, path) = folder();
    std::fs::write(&path, "old").expect("write");
    let mut file = File::create(&path).expect("create");
    let data = file.dataset(file.root(), "d", &Spec::fixed(f32::TYPE, &[3])).expect("dataset");
    file.append(data, &Array::numbers(&[1.0_f32])).expect("append");
    let error = file.finish().expect_err("refused");
    assert_eq!(error.message(), "1 elements were written for a shape of [3], which holds 3");
    assert_eq!(error.place().and_then(|p| p.dataset.clone()), Some("/d".to_owned()));
    assert_eq!(std::fs::read(&path).expect("read"), b"old");
    assert_eq!(std::fs::read_dir(folder.path()).expect("folder").count(), 1);
}

#[cfg(target_os = "linux")]
#[test]
fn after_a_full_disk_nothing_more_is_taken() {
    let mut file = File::create(Path::new("/dev/full")).expect("create");
    let root = file.root();
    let zeros = Array::numbers(&vec![0_u8; 1 << 20]);
    let error = file.write(root, "a", &zeros).expect_err("full");
    assert!(error.message().contains("no space left"), "{error}");
    assert!(file.write(root, "b", &Array::number(1)).is_err());
    assert!(file.group(root, "c").is_err());
    assert!(file.finish().is_err());
}

/// Writes the file that `tests/h5py_check.py` reads, at the path in `H5PY_SAMPLE`.
#[test]
#[ignore = "run by tests/h5py_check.py"]
fn sample_for_h5py() {
    let path = std::env::var_os("H5PY_SAMPLE").expect("H5PY_SAMPLE");
    let mut file = File::create(Path::new(&path)).expect("create");
    sample(&mut file).expect("sample");
    file.finish().expect("finish");
}

fn sample(file: &mut File) -> Result<()> {
    let root = file.root();
    let types = file.group(root, "types")?;
    file.write(types, "u8", &Array::numbers(&[0, u8::MAX]))?;
    file.write(types, "u16", &Array::numbers(&[0, u16::MAX]))?;
    file.write(types, "u32", &Array::numbers(&[0, u32::MAX]))?;
    file.write(types, "u64", &Array::numbers(&[0, u64::MAX]))?;
    file.write(types, "i8", &Array::numbers(&[i8::MIN, i8::MAX]))?;
    file.write(types, "i16", &Array::numbers(&[i16::MIN, i16::MAX]))?;
    file.write(types, "i32", &Array::numbers(&[i32::MIN, i32::MAX]))?;
    file.write(types, "i64", &Array::numbers(&[i64::MIN, i64::MAX]))?;
    file.write(types, "f32", &Array::numbers(&[-1.5_f32, f32::MAX]))?;
    file.write(types, "f64", &Array::numbers(&[-1.5_f64, f64::MAX]))?;
    file.write(types, "scalar", &Array::number(42_i32))?;
    file.write(types, "empty", &Array::numbers::<f32>(&[]))?;
    file.write(types, "text", &Array::text("one λ"))?;
    file.write(types, "texts", &Array::texts(&["", "a", "Ünï", &"long ".repeat(30_000)]))?;
    file.write(types, "fixed", &Array::fixed_texts(&["abc", "λ"], Some(5)))?;
    let sorting = Type::enumeration(u8::TYPE, [("none", 0), ("by_id", 1), ("by_time", 2)]);
    file.write(types, "enumeration", &Array::enumeration(sorting.clone(), &[2, 0, 1]))?;
    file.write(types, "boolean", &Array::enumeration(Type::boolean(), &[1, 0]))?;
    let row = Type::Compound(vec![
        ("gid".into(), u32::TYPE),
        ("weight".into(), f64::TYPE),
        ("name".into(), Type::FixedText(4)),
        ("point".into(), Type::Compound(vec![("x".into(), f32::TYPE), ("y".into(), f32::TYPE)])),
    ]);
    let mut rows = Vec::new();
    for gid in [1_u32, 2] {
        u32::put(&[gid], &mut rows);
        f64::put(&[f64::from(gid) / 4.0], &mut rows);
        rows.extend_from_slice(b"ab\0\0");
        f32::put(&[1.0, -1.0], &mut rows);
    }
    file.write(types, "compound", &Array::raw(row, rows))?;

    let layouts = file.group(root, "layouts")?;
    let values: Vec<f32> = (0..300_000).map(|i| (i % 1000) as f32 / 8.0).collect();
    file.write(layouts, "contiguous", &Array::numbers(&values).shape(&[1000, 100, 3]))?;
    let specs = [
        ("chunked", Spec::growing(f32::TYPE, &[100, 3])),
        ("deflated", Spec::growing(f32::TYPE, &[100, 3]).deflate(6).chunk_rows(7)),
        ("fixed", Spec::fixed(f32::TYPE, &[1000, 100, 3]).deflate(1)),
        ("unlimited", Spec::growing(f32::TYPE, &[100, 3]).unlimited().chunk_rows(1)),
    ];
    for (name, spec) in specs {
        let dataset = file.dataset(layouts, name, &spec)?;
        for piece in values.chunks(300 * 77) {
            file.append(dataset, &Array::numbers(piece))?;
        }
    }
    // A dimension that takes three bytes trips readers of newer layouts.
    let long: Vec<u64> = (0..200_000).collect();
    let dataset =
        file.dataset(layouts, "long", &Spec::growing(u64::TYPE, &[]).chunk_rows(131_072).deflate(4))?;
    file.append(dataset, &Array::numbers(&long))?;
    file.dataset(layouts, "none", &Spec::growing(f64::TYPE, &[4]).deflate(4))?;
    file.repeat(layouts, "repeated", &Array::number(-1_i64), &[1_000_000, 3])?;
    let texts = file.dataset(layouts, "texts", &Spec::growing(Type::Text, &[]).deflate(4))?;
    file.append(texts, &Array::texts(&["x", "yy"]))?;

    let group = file.group(root, "attributes")?;
    file.group(group, "empty")?;
    file.attribute(group, "magic", &Array::number(0x0A7A_u32))?;
    file.attribute(group, "version", &Array::numbers(&[0_u32, 1]))?;
    file.attribute(group, "matrix", &Array::numbers(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0_f64]).shape(&[2, 3]))?;
    file.attribute(group, "text", &Array::text("µm"))?;
    file.attribute(group, "texts", &Array::texts(&["a", "", "ccc"]))?;
    file.attribute(group, "fixed", &Array::fixed_texts(&["ms"], None).shape(&[]))?;
    file.attribute(group, "sorting", &Array::enumeration(sorting, &[2]).shape(&[]))?;
    file.attribute(group, "boolean", &Array::enumeration(Type::boolean(), &[1]).shape(&[]))?;
    file.attribute(group, "reference", &Array::reference(dataset))?;
    file.attribute(group, "references", &Array::references(&[types.into(), dataset.into()]))?;
    file.attribute(group, "größe", &Array::number(1_u8))?;
    for i in 0..40_i64 {
        file.attribute(group, &format!("n{i}"), &Array::number(i))?;
    }
    file.attribute(dataset, "unit", &Array::text("ms"))?;
    file.write(root, "references", &Array::references(&[group.into(), dataset.into(), root.into()]))?;
    file.soft_link(root, "soft", "/layouts/long")?;
    file.soft_link(types, "dangling", "/no/where")?;

    sonata(file)?;
    nwb(file)?;
    let many = file.group(root, "many")?;
    for i in 0..20_000_u32 {
        file.write(many, &format!("a{i}"), &Array::number(i))?;
    }
    Ok(())
}

/// Nodes, edges, spikes and a report, each of which libsonata finds in this one file.
fn sonata(file: &mut File) -> Result<()> {
    let root = file.root();
    let nodes = file.group(root, "nodes")?;
    let nodes = file.group(nodes, "default")?;
    file.write(nodes, "node_type_id", &Array::numbers(&[-1_i64; 3]))?;
    let attributes = file.group(nodes, "0")?;
    file.write(attributes, "x", &Array::numbers(&[0.5_f32, 1.5, 2.5]))?;
    file.write(attributes, "model_template", &Array::texts(&["hoc:a", "", "hoc:c"]))?;
    file.write(attributes, "mtype", &Array::numbers(&[1_u32, 0, 1]))?;
    let library = file.group(attributes, "@library")?;
    file.write(library, "mtype", &Array::texts(&["L1_DAC", "L5_MC"]))?;
    let dynamics = file.group(attributes, "dynamics_params")?;
    file.write(dynamics, "threshold_current", &Array::numbers(&[0.1_f64, 0.2, 0.3]))?;

    let edges = file.group(root, "edges")?;
    let edges = file.group(edges, "default")?;
    for (name, ids) in [("source_node_id", [0_u64, 1, 1, 2]), ("target_node_id", [1, 0, 0, 1])] {
        let ids = file.write(edges, name, &Array::numbers(&ids))?;
        file.attribute(ids, "node_population", &Array::text("default"))?;
    }
    file.repeat(edges, "edge_type_id", &Array::number(-1_i64), &[4])?;
    let attributes = file.group(edges, "0")?;
    // The libsonata that pip installs has no deflate.
    let delays = file.dataset(attributes, "delay", &Spec::growing(f32::TYPE, &[]))?;
    file.append(delays, &Array::numbers(&[0.25_f32, 0.5, 0.75, 1.0]))?;
    let indices = file.group(edges, "indices")?;
    for (name, nodes, ranges) in [
        ("source_to_target", [0_u64, 1, 1, 2, 2, 3], &[0_u64, 1, 1, 3, 3, 4][..]),
        ("target_to_source", [0, 1, 1, 3, 3, 3], &[1, 3, 0, 1, 3, 4]),
    ] {
        let index = file.group(indices, name)?;
        file.write(index, "node_id_to_ranges", &Array::numbers(&nodes).shape(&[3, 2]))?;
        let pairs = ranges.len() as u64 / 2;
        file.write(index, "range_to_edge_id", &Array::numbers(ranges).shape(&[pairs, 2]))?;
    }

    let spikes = file.group(root, "spikes")?;
    let spikes = file.group(spikes, "default")?;
    let sorting = Type::enumeration(u8::TYPE, [("none", 0), ("by_id", 1), ("by_time", 2)]);
    file.attribute(spikes, "sorting", &Array::enumeration(sorting, &[2]).shape(&[]))?;
    let times = file.write(spikes, "timestamps", &Array::numbers(&[0.1_f64, 0.2, 0.3]))?;
    file.attribute(times, "units", &Array::text("ms"))?;
    file.write(spikes, "node_ids", &Array::numbers(&[2_u64, 0, 2]))?;

    let report = file.group(root, "report")?;
    let report = file.group(report, "default")?;
    let data = file.dataset(report, "data", &Spec::growing(f32::TYPE, &[2]))?;
    for frame in 0..4 {
        file.append(data, &Array::numbers(&[frame as f32, -(frame as f32)]))?;
    }
    file.attribute(data, "units", &Array::text("mV"))?;
    let mapping = file.group(report, "mapping")?;
    let ids = file.write(mapping, "node_ids", &Array::numbers(&[0_u64, 2]))?;
    file.attribute(ids, "sorted", &Array::number(1_u8))?;
    file.write(mapping, "index_pointers", &Array::numbers(&[0_u64, 1, 2]))?;
    file.write(mapping, "element_ids", &Array::numbers(&[0_u32, 0]))?;
    let time = file.write(mapping, "time", &Array::numbers(&[0.0, 0.4, 0.1]))?;
    file.attribute(time, "units", &Array::text("ms"))
}

/// Spike times of two units as NWB has them; the root of the file is the NWB file.
fn nwb(file: &mut File) -> Result<()> {
    fn of_type(file: &mut File, object: impl Into<Object> + Copy, kind: &str, id: u8) -> Result<()> {
        let space = if kind.starts_with("NWB") || kind == "Units" { "core" } else { "hdmf-common" };
        file.attribute(object, "namespace", &Array::text(space))?;
        file.attribute(object, "neurodata_type", &Array::text(kind))?;
        file.attribute(
            object,
            "object_id",
            &Array::text(format!("00000000-0000-4000-8000-0000000000{id:02}")),
        )
    }
    let root = file.root();
    of_type(file, root, "NWBFile", 1)?;
    file.attribute(root, "nwb_version", &Array::text("2.7.0"))?;
    let begin = "2026-01-01T00:00:00.000000+00:00";
    for (name, text) in [
        ("identifier", "sample"),
        ("session_description", "a test"),
        ("session_start_time", begin),
        ("timestamps_reference_time", begin),
    ] {
        file.write(root, name, &Array::text(text))?;
    }
    file.write(root, "file_create_date", &Array::texts(&[begin]))?;
    for name in ["acquisition", "analysis", "general", "processing", "stimulus"] {
        let group = file.group(root, name)?;
        if name == "stimulus" {
            file.group(group, "presentation")?;
            file.group(group, "templates")?;
        }
    }
    let units = file.group(root, "units")?;
    of_type(file, units, "Units", 2)?;
    file.attribute(units, "colnames", &Array::texts(&["spike_times"]))?;
    file.attribute(units, "description", &Array::text("units"))?;
    let ids = file.write(units, "id", &Array::numbers(&[7_i64, 8]))?;
    of_type(file, ids, "ElementIdentifiers", 3)?;
    let times = file.write(units, "spike_times", &Array::numbers(&[0.1, 0.2, 0.5]))?;
    of_type(file, times, "VectorData", 4)?;
    file.attribute(times, "description", &Array::text("spike times"))?;
    let index = file.write(units, "spike_times_index", &Array::numbers(&[2_u8, 3]))?;
    of_type(file, index, "VectorIndex", 5)?;
    file.attribute(index, "description", &Array::text("ends of the spike times"))?;
    file.attribute(index, "target", &Array::reference(times))
}
