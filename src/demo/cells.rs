//! The cells: where they are, and of which types.

use rand::RngExt;

use super::branches::Branches;
use super::random::{Purpose, Random, stream};
use super::recipe::{COLUMN_AREA, COLUMN_CELLS, ETYPES, LAYER_2_SHARE, LAYERS, MODELS, MTYPES};

/// A cell. Its gid is its place in the list, from 1.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    /// Number of the column.
    pub(super) column: u32,
    pub(super) minicolumn: u32,
    /// 1 to 6.
    pub(super) layer: u8,
    /// Places in the lists of the recipe.
    pub(super) mtype: u8,
    pub(super) etype: u8,
    /// Places in the lists of [`Population`].
    pub(super) morphology: u32,
    pub(super) combo: u32,
    /// µm, y towards the pia.
    pub(super) position: [f64; 3],
    /// Turn about y, in degrees.
    pub(super) angle: f64,
}

/// A combination of a morphology and an electrical model.
#[derive(Clone, Debug)]
pub(super) struct Combo {
    pub(super) name: String,
    pub(super) morphology: u32,
    pub(super) layer: u8,
    pub(super) mtype: u8,
    pub(super) etype: u8,
    /// nA.
    pub(super) threshold: f64,
    pub(super) holding: f64,
}

/// All cells, and what they share.
pub(super) struct Population {
    pub(super) cells: Vec<Cell>,
    pub(super) morphologies: Vec<String>,
    pub(super) branches: Vec<Branches>,
    /// In the order of their types.
    pub(super) combos: Vec<Combo>,
    pub(super) columns: u32,
    /// Centres of the minicolumns.
    pub(super) minicolumns: Vec<[f64; 2]>,
    /// From the middle to the corners of a column.
    pub(super) radius: f64,
    /// Centres of the columns.
    pub(super) centres: Vec<[f64; 2]>,
    /// The three numbers of the circuit's CircuitSeeds.
    pub(super) seeds: [f64; 3],
}

impl Population {
    /// Makes the cells of a circuit.
    pub(super) fn new(count: u32, seed: u64) -> Self {
        let mut random = stream(seed, Purpose::Cells, 0);
        let columns = count.div_ceil(COLUMN_CELLS).max(1);
        let per_column = f64::from(count) / f64::from(columns);
        // As dense as the real thing: fewer cells make a narrower column.
        let area = COLUMN_AREA * per_column / f64::from(COLUMN_CELLS);
        let radius = (area / (1.5 * 3f64.sqrt())).sqrt();
        let centres: Vec<[f64; 2]> = (0..columns).map(|c| column_centre(c, columns, radius)).collect();
        let per = (per_column / 100.0).round().max(1.0) as u32;
        let minicolumns: Vec<[f64; 2]> = centres
            .iter()
            .flat_map(|c| (0..per).map(move |m| minicolumn_centre(*c, m, per, radius)))
            .collect();

        let mut cells = Vec::with_capacity(count as usize);
        let mut variants = Variants::new(count);
        for column in 0..columns {
            let number = count / columns + u32::from(column < count % columns);
            for (layer, mtype) in kinds(number) {
                let centre = centres[column as usize];
                let position = place(layer, centre, radius, &mut random).map(rounded);
                let nearest =
                    nearest(&minicolumns[(column * per) as usize..((column + 1) * per) as usize], position);
                cells.push(Cell {
                    column,
                    minicolumn: column * per + nearest,
                    layer,
                    mtype,
                    etype: pick_etype(mtype, &mut random),
                    morphology: variants.pick(mtype, &mut random),
                    combo: 0,
                    position,
                    angle: rounded(random.random_range(-180.0..180.0)),
                });
            }
        }
        let (morphologies, owners) = variants.names();
        let branches = owners
            .iter()
            .zip(0..)
            .map(|(&mtype, index)| Branches::grow(&MTYPES[usize::from(mtype)], seed, index))
            .collect();
        let combos = combine(&mut cells, &morphologies, seed);
        let seeds = [(); 3].map(|()| f64::from(random.random_range(1_000_000..10_000_000_u32)));
        Population { cells, morphologies, branches, combos, columns, minicolumns, radius, centres, seeds }
    }
}

/// Positions and angles have six digits, so that text and binary files hold the same.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

/// Columns lie around the middle one, which is column 2 if there are so many.
fn column_centre(column: u32, columns: u32, radius: f64) -> [f64; 2] {
    let middle = 2.min(columns - 1);
    // The place in the spiral: 0 in the middle.
    let place = if column == middle { 0 } else { column + u32::from(column < middle) };
    let (mut ring, mut first) = (0, 0);
    while place > first {
        ring += 1;
        first += 6 * ring;
    }
    let corner = |k: u32| {
        let angle = std::f64::consts::FRAC_PI_3 * f64::from(k);
        let step = 3f64.sqrt() * radius * f64::from(ring);
        [angle.cos() * step, angle.sin() * step]
    };
    if ring == 0 {
        return [0.0, 0.0];
    }
    let along = first - place;
    let (from, to) = (corner(along / ring), corner(along / ring + 1));
    let share = f64::from(along % ring) / f64::from(ring);
    [from[0] + share * (to[0] - from[0]), from[1] + share * (to[1] - from[1])]
}

/// Minicolumns are spread evenly, as the seeds of a sunflower are.
fn minicolumn_centre(column: [f64; 2], number: u32, of: u32, radius: f64) -> [f64; 2] {
    let away = radius * 0.9 * ((f64::from(number) + 0.5) / f64::from(of)).sqrt();
    let angle = f64::from(number) * 2.399_963_229_728_653;
    [rounded(column[0] + away * angle.cos()), rounded(column[1] + away * angle.sin())]
}

fn nearest(centres: &[[f64; 2]], position: [f64; 3]) -> u32 {
    let away = |c: &[f64; 2]| (c[0] - position[0]).powi(2) + (c[1] - position[2]).powi(2);
    (0..).zip(centres).min_by(|a, b| away(a.1).total_cmp(&away(b.1))).map_or(0, |(number, _)| number)
}

/// A place in a layer of a column.
fn place(layer: u8, centre: [f64; 2], radius: f64, random: &mut Random) -> [f64; 3] {
    let (low, high) = LAYERS[usize::from(layer) - 1];
    let y = f64::from(low) + random.random::<f64>() * f64::from(high - low);
    // A hexagon is three rhombi.
    let corner = |k: u32| {
        let angle = (30.0 + 120.0 * f64::from(k)).to_radians();
        [angle.cos() * radius, angle.sin() * radius]
    };
    let rhombus = random.random_range(0..3);
    let (a, b): (f64, f64) = (random.random(), random.random());
    let (p, q) = (corner(rhombus), corner(rhombus + 1));
    [centre[0] + a * p[0] + b * q[0], y, centre[1] + a * p[1] + b * q[1]]
}

/// Layer and m-type of the cells of a column, by layer and m-type.
fn kinds(number: u32) -> Vec<(u8, u8)> {
    let mut kinds = Vec::with_capacity(number as usize);
    for (mtype, cells) in (0..).zip(shares(number)) {
        let layer = MTYPES[usize::from(mtype)].layer;
        let second = if layer == 2 { (f64::from(cells) * LAYER_2_SHARE).round() as u32 } else { cells };
        kinds.extend((0..cells).map(|i| (if i < second { layer } else { 3 }, mtype)));
    }
    kinds.sort_unstable();
    kinds
}

/// How many cells of each m-type there are. Excitatory and inhibitory cells are as frequent as published; in a column
/// that is large enough every m-type occurs.
fn shares(number: u32) -> Vec<u32> {
    let total: u32 = MTYPES.iter().map(|m| m.cells).sum();
    let of = |excitatory| MTYPES.iter().filter(move |m| m.is_excitatory() == excitatory);
    let excitatory: u32 = of(true).map(|m| m.cells).sum();
    let first = (f64::from(number) * f64::from(excitatory) / f64::from(total)).round() as u32;
    let mut shares = vec![0; MTYPES.len()];
    for (class, wanted) in [(true, first), (false, number - first)] {
        let weights: Vec<f64> = MTYPES
            .iter()
            .map(|m| if m.is_excitatory() == class { f64::from(m.cells) } else { 0.0 })
            .collect();
        let least = u32::from(wanted as usize >= 3 * of(class).count());
        for (share, part) in shares.iter_mut().zip(apportion(&weights, wanted, least)) {
            *share += part;
        }
    }
    shares
}

/// Parts of a whole by weight, with the largest remainders rounded up; each part is at least `least`.
fn apportion(weights: &[f64], whole: u32, least: u32) -> Vec<u32> {
    let floor = |weight: f64| if weight > 0.0 { least } else { 0 };
    let spare = whole - weights.iter().map(|&w| floor(w)).sum::<u32>();
    // What exceeds the least is shared out.
    let total: f64 = weights.iter().sum::<f64>().max(f64::MIN_POSITIVE);
    let over: Vec<f64> =
        weights.iter().map(|&w| (w / total * f64::from(whole) - f64::from(floor(w))).max(0.0)).collect();
    let all_over: f64 = over.iter().sum::<f64>().max(f64::MIN_POSITIVE);
    let exact: Vec<f64> = over.iter().map(|o| o / all_over * f64::from(spare)).collect();
    let mut parts: Vec<u32> = exact.iter().zip(weights).map(|(e, &w)| e.floor() as u32 + floor(w)).collect();
    let mut order: Vec<usize> = (0..weights.len()).filter(|&i| weights[i] > 0.0).collect();
    order.sort_by(|&a, &b| exact[b].fract().total_cmp(&exact[a].fract()));
    let missing = whole - parts.iter().sum::<u32>();
    for &part in order.iter().cycle().take(missing as usize) {
        parts[part] += 1;
    }
    parts
}

fn pick_etype(mtype: u8, random: &mut Random) -> u8 {
    let percent = MTYPES[usize::from(mtype)].family.etypes();
    let mut left = random.random_range(0..percent.iter().sum());
    for (etype, &share) in (0..).zip(&percent) {
        if left < share {
            return etype;
        }
        left -= share;
    }
    0
}

/// The morphologies of each m-type, as cells come to use them.
struct Variants {
    /// How many morphologies an m-type may have, for each.
    most: Vec<u32>,
    /// The numbers of those in use: m-type and variant, in the order of first use.
    used: Vec<(u8, u32)>,
    numbers: std::collections::HashMap<(u8, u32), u32>,
}

impl Variants {
    fn new(count: u32) -> Self {
        let share = f64::from(count) / f64::from(COLUMN_CELLS);
        let most = |cells: u32| ((f64::from(cells) * share / 8.0).ceil() as u32).clamp(1, 40);
        let most = MTYPES.iter().map(|m| most(m.cells)).collect();
        Variants { most, used: Vec::new(), numbers: std::collections::HashMap::new() }
    }

    fn pick(&mut self, mtype: u8, random: &mut Random) -> u32 {
        let variant = random.random_range(0..self.most[usize::from(mtype)]);
        *self.numbers.entry((mtype, variant)).or_insert_with(|| {
            self.used.push((mtype, variant));
            self.used.len() as u32 - 1
        })
    }

    /// Names and m-types of the morphologies in use.
    fn names(self) -> (Vec<String>, Vec<u8>) {
        let name = |&(mtype, variant): &(u8, u32)| {
            let mtype = MTYPES[usize::from(mtype)].name;
            format!("{mtype}_dend-{:02}_axon-{:02}", variant + 1, variant * 7 % 40 + 1)
        };
        (self.used.iter().map(name).collect(), self.used.iter().map(|u| u.0).collect())
    }
}

/// Names the combinations of morphology and electrical model that occur, and points the cells to them.
fn combine(cells: &mut [Cell], morphologies: &[String], seed: u64) -> Vec<Combo> {
    let key = |cell: &Cell| (cell.etype, cell.mtype, cell.layer, cell.morphology);
    let mut keys: Vec<_> = cells.iter().map(key).collect();
    keys.sort_unstable();
    keys.dedup();
    for cell in cells.iter_mut() {
        cell.combo = keys.binary_search(&key(cell)).unwrap_or(0) as u32;
    }
    let combo = |(index, &(etype, mtype, layer, morphology)): (usize, &(u8, u8, u8, u32))| {
        let mut random = stream(seed, Purpose::Models, index as u64);
        let (model, threshold, holding) = MODELS[usize::from(etype)];
        let mut vary = |mean: f64| rounded(mean * random.random_range(0.7..1.3));
        Combo {
            name: format!(
                "{model}_{}_{layer}_{}",
                MTYPES[usize::from(mtype)].name,
                morphologies[morphology as usize]
            ),
            morphology,
            layer,
            mtype,
            etype,
            threshold: vary(threshold),
            holding: vary(holding),
        }
    };
    keys.iter().enumerate().map(combo).collect()
}

/// The name of an electrical type.
pub(super) fn etype_name(etype: u8) -> &'static str {
    ETYPES[usize::from(etype)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_occur_as_often_as_published() {
        let column = shares(COLUMN_CELLS);
        for (mtype, cells) in MTYPES.iter().zip(&column) {
            assert!(cells.abs_diff(mtype.cells) <= 1 + mtype.cells / 1000, "{} {cells}", mtype.name);
        }
        for number in [1, 2, 60, 200, 1000, 5000] {
            let shares = shares(number);
            assert_eq!(shares.iter().sum::<u32>(), number);
            let excitatory: u32 =
                MTYPES.iter().zip(&shares).filter(|(m, _)| m.is_excitatory()).map(|(_, n)| n).sum();
            assert_eq!(excitatory, (f64::from(number) * 26_567.0 / 31_336.0).round() as u32);
        }
        assert!(shares(1000).iter().all(|&n| n > 0));
    }

    #[test]
    fn cells_are_in_their_layers_and_columns() {
        let circuit = Population::new(2 * COLUMN_CELLS + 10, 5);
        assert_eq!(circuit.columns, 3);
        assert_eq!(circuit.centres[2], [0.0, 0.0]);
        for cell in &circuit.cells {
            let (low, high) = LAYERS[usize::from(cell.layer) - 1];
            assert!(cell.position[1] >= f64::from(low) && cell.position[1] <= f64::from(high));
            let away = |c: &[f64; 2]| (c[0] - cell.position[0]).hypot(c[1] - cell.position[2]);
            let own = away(&circuit.centres[cell.column as usize]);
            assert!(own <= circuit.radius * 1.001);
            assert!(circuit.centres.iter().all(|c| away(c) >= own - 1e-3), "the nearest centre is its own");
            assert_eq!(cell.minicolumn * circuit.columns / circuit.minicolumns.len() as u32, cell.column);
            let mtype = &MTYPES[usize::from(cell.mtype)];
            assert!(cell.layer == mtype.layer || (mtype.layer == 2 && cell.layer == 3));
            let combo = &circuit.combos[cell.combo as usize];
            assert_eq!((combo.mtype, combo.etype, combo.layer), (cell.mtype, cell.etype, cell.layer));
            assert_eq!(combo.morphology, cell.morphology);
        }
        let order = |c: &Cell| (c.column, c.layer, c.mtype);
        assert!(circuit.cells.is_sorted_by_key(order));
        let layer_one = circuit.cells.iter().filter(|c| c.layer == 1).count() as f64;
        assert!((layer_one / circuit.cells.len() as f64 - 338.0 / 31_346.0).abs() < 1e-3);
    }

    #[test]
    fn columns_do_not_lie_on_each_other() {
        for columns in [1, 2, 3, 7, 8, 19, 25] {
            let centres: Vec<[f64; 2]> = (0..columns).map(|c| column_centre(c, columns, 100.0)).collect();
            for (i, a) in centres.iter().enumerate() {
                for b in &centres[..i] {
                    assert!((a[0] - b[0]).hypot(a[1] - b[1]) > 173.0, "{columns}: {a:?} {b:?}");
                }
            }
        }
    }
}
