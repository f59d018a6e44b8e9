//! The recipe of the rat somatosensory microcircuit, in numbers that are published (Markram et al. 2015 and its portal):
//! layers, cell types and their counts, where axons and dendrites reach, synapses per connection, and the dynamics of
//! synapses. Where only a tendency is published (how far an arbour reaches), a round number stands for it.

use std::sync::LazyLock;

use super::random::Positive;

/// Population of one column in the published circuit.
pub(super) const COLUMN_CELLS: u32 = 31_346;

/// Area of one column, in µm²: 0.29 mm³ of 2,082 µm height.
pub(super) const COLUMN_AREA: f64 = 139_289.0;

/// From the white matter to the pia, in µm.
pub(super) const HEIGHT: f32 = 2082.0;

/// Lower and upper edge of each layer, in µm from the white matter.
pub(super) const LAYERS: [(f32, f32); 6] =
    [(1917.0, 2082.0), (1768.0, 1917.0), (1415.0, 1768.0), (1225.0, 1415.0), (700.0, 1225.0), (0.0, 700.0)];

/// Share of the cells of layers 2 and 3 that are in layer 2: 3,415 of 7,524.
pub(super) const LAYER_2_SHARE: f64 = 0.4539;

/// The electrical types.
pub(super) const ETYPES: [&str; 11] =
    ["bAC", "bIR", "bNAC", "bSTUT", "cACint", "cADpyr", "cIR", "cNAC", "cSTUT", "dNAC", "dSTUT"];

/// The electrical type with accommodating spikes, whose baskets make facilitating synapses.
pub(super) const ACCOMMODATING: u8 = 4;

/// E-model, threshold current and holding current (nA) of each electrical type.
pub(super) const MODELS: [(&str, f64, f64); 11] = [
    ("bAC217", 0.16, -0.030),
    ("bIR215", 0.15, -0.025),
    ("bNAC219", 0.12, -0.020),
    ("bSTUT213", 0.20, -0.030),
    ("cACint209", 0.14, -0.025),
    ("cADpyr232", 0.32, -0.060),
    ("cIR216", 0.15, -0.020),
    ("cNAC187", 0.18, -0.030),
    ("cSTUT189", 0.17, -0.025),
    ("dNAC222", 0.19, -0.035),
    ("dSTUT214", 0.16, -0.030),
];

/// What cells have in common across layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Pyramidal,
    Stellate,
    LargeBasket,
    NestBasket,
    SmallBasket,
    Martinotti,
    Bipolar,
    Bitufted,
    Chandelier,
    DoubleBouquet,
    Neurogliaform,
    LayerOne,
}

use Family::{
    Bipolar, Bitufted, Chandelier, DoubleBouquet, LargeBasket, LayerOne, Martinotti, NestBasket,
    Neurogliaform, Pyramidal, SmallBasket, Stellate,
};

impl Family {
    pub(super) fn is_excitatory(self) -> bool {
        matches!(self, Pyramidal | Stellate)
    }

    pub(super) fn is_basket(self) -> bool {
        matches!(self, LargeBasket | NestBasket | SmallBasket)
    }

    /// How often each electrical type occurs, in percent, in the order of [`ETYPES`]. Together with the counts of
    /// cells this gives the published number of cells of each electrical type.
    pub(super) fn etypes(self) -> [u32; 11] {
        match self {
            Pyramidal | Stellate => [0, 0, 0, 0, 0, 100, 0, 0, 0, 0, 0],
            LayerOne => [6, 6, 23, 0, 22, 0, 5, 22, 12, 5, 0],
            Bipolar => [15, 20, 15, 0, 29, 0, 0, 15, 0, 7, 0],
            Bitufted => [17, 23, 7, 0, 33, 0, 0, 17, 0, 3, 0],
            Chandelier => [0, 0, 0, 0, 25, 0, 0, 26, 0, 48, 0],
            DoubleBouquet => [10, 27, 10, 18, 19, 0, 7, 10, 0, 0, 0],
            LargeBasket => [6, 0, 7, 5, 25, 0, 2, 26, 8, 18, 3],
            Martinotti => [18, 17, 12, 0, 36, 0, 0, 12, 3, 2, 0],
            NestBasket => [7, 9, 0, 14, 19, 0, 6, 20, 7, 12, 7],
            Neurogliaform => [0, 0, 25, 0, 24, 0, 0, 25, 26, 0, 0],
            SmallBasket => [0, 0, 11, 0, 41, 0, 0, 10, 0, 38, 0],
        }
    }
}

/// Where a part of an arbour is centred.
#[derive(Clone, Copy, Debug)]
pub(super) enum Centre {
    /// So far above the soma.
    Soma(f32),
    /// At this height, wherever the soma is.
    Height(f32),
}

use Centre::{Height, Soma};

impl Centre {
    /// The height for a soma at height `soma`.
    pub(super) fn above(self, soma: f32) -> f32 {
        match self {
            Soma(offset) => soma + offset,
            Height(height) => height,
        }
    }
}

/// Parts of a dendritic tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zone {
    Basal,
    Oblique,
    Tuft,
}

/// A part of an arbour: where, how far it spreads up and down (µm), and its share of the whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cloud {
    pub(super) centre: Centre,
    pub(super) spread: f32,
    pub(super) share: f32,
    pub(super) zone: Zone,
}

/// How far an arbour reaches.
#[derive(Clone, Debug)]
pub(super) struct Reach {
    /// To the sides, in µm.
    pub(super) sideways: f32,
    pub(super) clouds: Vec<Cloud>,
}

/// At most so many clouds make an arbour.
pub(super) const CLOUDS: usize = 3;

/// A morphological type.
#[derive(Debug)]
pub(super) struct Mtype {
    pub(super) name: &'static str,
    pub(super) family: Family,
    /// The first layer of its name.
    pub(super) layer: u8,
    /// Population in one column of the published circuit.
    pub(super) cells: u32,
    pub(super) axon: Reach,
    pub(super) dendrite: Reach,
    /// How many boutons its axon has, relative to others of its class.
    pub(super) boutons: f32,
    /// How many synapses its dendrites take, relative to others.
    pub(super) appetite: f32,
    /// Which share of these is inhibitory.
    pub(super) inhibition: f32,
}

impl Mtype {
    pub(super) fn is_excitatory(&self) -> bool {
        self.family.is_excitatory()
    }

    pub(super) fn synapse_class(&self) -> &'static str {
        if self.is_excitatory() { "EXC" } else { "INH" }
    }

    pub(super) fn morph_class(&self) -> &'static str {
        if self.family == Pyramidal { "PYR" } else { "INT" }
    }
}

/// Names and counts. (The published sheet of layer 6 has 7 for L6_BP, a misprint for 70.)
const COUNTS: [(&str, Family, u32); 55] = [
    ("L1_DAC", LayerOne, 58),
    ("L1_NGC-DA", LayerOne, 72),
    ("L1_NGC-SA", LayerOne, 52),
    ("L1_HAC", LayerOne, 91),
    ("L1_DLAC", LayerOne, 24),
    ("L1_SLAC", LayerOne, 41),
    ("L23_PC", Pyramidal, 5877),
    ("L23_BP", Bipolar, 28),
    ("L23_BTC", Bitufted, 104),
    ("L23_ChC", Chandelier, 61),
    ("L23_DBC", DoubleBouquet, 174),
    ("L23_LBC", LargeBasket, 456),
    ("L23_MC", Martinotti, 333),
    ("L23_NBC", NestBasket, 269),
    ("L23_NGC", Neurogliaform, 50),
    ("L23_SBC", SmallBasket, 167),
    ("L4_PC", Pyramidal, 2674),
    ("L4_SP", Pyramidal, 1098),
    ("L4_SS", Stellate, 406),
    ("L4_BP", Bipolar, 8),
    ("L4_BTC", Bitufted, 20),
    ("L4_ChC", Chandelier, 8),
    ("L4_DBC", DoubleBouquet, 38),
    ("L4_LBC", LargeBasket, 122),
    ("L4_MC", Martinotti, 118),
    ("L4_NBC", NestBasket, 96),
    ("L4_NGC", Neurogliaform, 6),
    ("L4_SBC", SmallBasket, 60),
    ("L5_TTPC1", Pyramidal, 2403),
    ("L5_TTPC2", Pyramidal, 2003),
    ("L5_UTPC", Pyramidal, 342),
    ("L5_STPC", Pyramidal, 302),
    ("L5_BP", Bipolar, 34),
    ("L5_BTC", Bitufted, 76),
    ("L5_ChC", Chandelier, 19),
    ("L5_DBC", DoubleBouquet, 95),
    ("L5_LBC", LargeBasket, 209),
    ("L5_MC", Martinotti, 395),
    ("L5_NBC", NestBasket, 201),
    ("L5_NGC", Neurogliaform, 8),
    ("L5_SBC", SmallBasket, 25),
    ("L6_TPC_L1", Pyramidal, 1637),
    ("L6_TPC_L4", Pyramidal, 1440),
    ("L6_UTPC", Pyramidal, 1735),
    ("L6_IPC", Pyramidal, 3476),
    ("L6_BPC", Pyramidal, 3174),
    ("L6_BP", Bipolar, 70),
    ("L6_BTC", Bitufted, 54),
    ("L6_ChC", Chandelier, 16),
    ("L6_DBC", DoubleBouquet, 31),
    ("L6_LBC", LargeBasket, 462),
    ("L6_MC", Martinotti, 336),
    ("L6_NBC", NestBasket, 198),
    ("L6_NGC", Neurogliaform, 17),
    ("L6_SBC", SmallBasket, 67),
];

/// The morphological types, in the order of their numbers.
pub(super) static MTYPES: LazyLock<Vec<Mtype>> = LazyLock::new(|| {
    let mtype = |&(name, family, cells): &(&'static str, Family, u32)| {
        let (appetite, inhibition) = input(name, family);
        Mtype {
            name,
            family,
            layer: name.as_bytes()[1] - b'0',
            cells,
            axon: axon(name, family),
            dendrite: dendrite(name, family),
            boutons: boutons(name, family),
            appetite,
            inhibition,
        }
    };
    COUNTS.iter().map(mtype).collect()
});

fn reach(sideways: f32, clouds: &[(Centre, f32, f32, Zone)]) -> Reach {
    let cloud = |&(centre, spread, share, zone)| Cloud { centre, spread, share, zone };
    Reach { sideways, clouds: clouds.iter().map(cloud).collect() }
}

fn axon(name: &str, family: Family) -> Reach {
    let reach = |sideways, clouds: &[(Centre, f32, f32)]| {
        let clouds: Vec<_> =
            clouds.iter().map(|&(c, spread, share)| (c, spread, share, Zone::Basal)).collect();
        reach(sideways, &clouds)
    };
    match (name, family) {
        ("L23_PC", _) => reach(150.0, &[(Soma(0.0), 110.0, 0.75), (Height(870.0), 130.0, 0.25)]),
        ("L4_PC", _) => reach(
            140.0,
            &[(Soma(0.0), 100.0, 0.5), (Height(1600.0), 160.0, 0.2), (Height(950.0), 150.0, 0.3)],
        ),
        ("L4_SP", _) => reach(
            130.0,
            &[(Soma(0.0), 100.0, 0.6), (Height(1600.0), 160.0, 0.3), (Height(950.0), 150.0, 0.1)],
        ),
        ("L4_SS", _) => reach(
            110.0,
            &[(Soma(0.0), 90.0, 0.55), (Height(1600.0), 160.0, 0.35), (Height(950.0), 150.0, 0.1)],
        ),
        ("L5_UTPC" | "L5_STPC", _) => reach(150.0, &[(Soma(0.0), 150.0, 0.5), (Height(1720.0), 180.0, 0.5)]),
        ("L6_TPC_L1", _) => reach(150.0, &[(Soma(0.0), 160.0, 0.8), (Height(1000.0), 200.0, 0.2)]),
        ("L6_TPC_L4", _) => reach(130.0, &[(Soma(0.0), 150.0, 0.55), (Height(1300.0), 120.0, 0.45)]),
        ("L6_UTPC" | "L6_IPC" | "L6_BPC", _) => {
            reach(160.0, &[(Soma(0.0), 170.0, 0.85), (Height(900.0), 180.0, 0.15)])
        }
        // The thick-tufted cells of layer 5.
        (_, Pyramidal | Stellate) => reach(170.0, &[(Soma(0.0), 150.0, 0.85), (Height(1650.0), 200.0, 0.15)]),
        (_, LargeBasket) => reach(130.0, &[(Soma(0.0), 110.0, 1.0)]),
        (_, NestBasket) => reach(70.0, &[(Soma(0.0), 80.0, 1.0)]),
        (_, SmallBasket) => reach(60.0, &[(Soma(0.0), 90.0, 1.0)]),
        (_, Martinotti) => reach(110.0, &[(Soma(30.0), 130.0, 0.5), (Height(2000.0), 70.0, 0.5)]),
        (_, Bipolar) => reach(45.0, &[(Soma(100.0), 110.0, 0.5), (Soma(-100.0), 110.0, 0.5)]),
        (_, Bitufted) => reach(55.0, &[(Soma(50.0), 150.0, 1.0)]),
        (_, DoubleBouquet) => reach(45.0, &[(Soma(120.0), 140.0, 0.4), (Soma(-170.0), 150.0, 0.6)]),
        (_, Chandelier) => reach(70.0, &[(Soma(0.0), 70.0, 1.0)]),
        (_, Neurogliaform) => reach(90.0, &[(Soma(0.0), 75.0, 1.0)]),
        (_, LayerOne) => reach(140.0, &[(Height(2000.0), 60.0, 0.6), (Soma(-250.0), 180.0, 0.4)]),
    }
}

fn dendrite(name: &str, family: Family) -> Reach {
    use Zone::{Basal, Oblique, Tuft};
    match (name, family) {
        ("L23_PC", _) => reach(70.0, &[(Soma(0.0), 70.0, 0.6, Basal), (Height(1960.0), 90.0, 0.4, Tuft)]),
        ("L4_PC", _) => reach(70.0, &[(Soma(0.0), 70.0, 0.65, Basal), (Height(1850.0), 150.0, 0.35, Tuft)]),
        ("L4_SP", _) => reach(70.0, &[(Soma(0.0), 70.0, 0.75, Basal), (Soma(150.0), 80.0, 0.25, Oblique)]),
        ("L4_SS", _) => reach(80.0, &[(Soma(0.0), 80.0, 1.0, Basal)]),
        ("L5_TTPC1" | "L5_TTPC2", _) => reach(
            90.0,
            &[
                (Soma(0.0), 90.0, 0.5, Basal),
                (Soma(300.0), 150.0, 0.25, Oblique),
                (Height(1980.0), 80.0, 0.25, Tuft),
            ],
        ),
        ("L5_UTPC" | "L5_STPC", _) => reach(
            70.0,
            &[
                (Soma(0.0), 80.0, 0.6, Basal),
                (Soma(300.0), 150.0, 0.25, Oblique),
                (Height(1950.0), 80.0, 0.15, Tuft),
            ],
        ),
        ("L6_TPC_L1", _) => reach(
            70.0,
            &[
                (Soma(0.0), 80.0, 0.6, Basal),
                (Soma(350.0), 200.0, 0.25, Oblique),
                (Height(1960.0), 90.0, 0.15, Tuft),
            ],
        ),
        ("L6_TPC_L4", _) => {
            reach(70.0, &[(Soma(0.0), 80.0, 0.65, Basal), (Height(1300.0), 110.0, 0.35, Tuft)])
        }
        ("L6_IPC", _) => reach(75.0, &[(Soma(0.0), 80.0, 0.6, Basal), (Soma(-200.0), 110.0, 0.4, Oblique)]),
        ("L6_BPC", _) => reach(
            75.0,
            &[
                (Soma(0.0), 80.0, 0.5, Basal),
                (Soma(200.0), 110.0, 0.25, Oblique),
                (Soma(-200.0), 110.0, 0.25, Oblique),
            ],
        ),
        (_, Pyramidal | Stellate) => {
            reach(70.0, &[(Soma(0.0), 80.0, 0.65, Basal), (Soma(300.0), 150.0, 0.35, Oblique)])
        }
        (_, Bipolar | DoubleBouquet | Bitufted) => reach(45.0, &[(Soma(0.0), 130.0, 1.0, Basal)]),
        (_, Martinotti) => reach(60.0, &[(Soma(0.0), 110.0, 1.0, Basal)]),
        (_, LayerOne) => reach(90.0, &[(Soma(0.0), 45.0, 1.0, Basal)]),
        _ => reach(65.0, &[(Soma(0.0), 80.0, 1.0, Basal)]),
    }
}

fn boutons(name: &str, family: Family) -> f32 {
    match (name, family) {
        ("L4_PC", _) | (_, LargeBasket) => 1.0,
        ("L4_SS", _) | (_, Bitufted | Chandelier) => 0.5,
        ("L5_TTPC1" | "L5_TTPC2", _) => 1.3,
        (_, Pyramidal | Stellate | SmallBasket | DoubleBouquet | Neurogliaform) => 0.8,
        (_, NestBasket) => 1.2,
        (_, Martinotti) => 1.6,
        (_, Bipolar) => 0.3,
        (_, LayerOne) => 0.6,
    }
}

/// How many synapses cells take, relative to others, and which share of these is inhibitory.
fn input(name: &str, family: Family) -> (f32, f32) {
    match (name, family) {
        ("L23_PC", _) => (0.9, 0.38),
        ("L4_PC" | "L4_SP" | "L4_SS", _) => (0.8, 0.28),
        ("L5_TTPC1" | "L5_TTPC2", _) => (2.4, 0.27),
        ("L5_UTPC" | "L5_STPC", _) => (1.3, 0.25),
        (_, Pyramidal | Stellate) => (0.8, 0.22),
        (_, Martinotti) => (0.8, 0.1),
        (_, LayerOne) => (0.4, 0.35),
        _ => (0.7, 0.17),
    }
}

/// How readily cells of one type connect to another where their arbours meet. Chandelier cells want the initial
/// segments of excitatory cells; Martinotti cells avoid each other.
pub(super) fn affinity(pre: &Mtype, post: &Mtype) -> f32 {
    match (pre.family, post.family) {
        (Chandelier, _) if !post.is_excitatory() => 0.0,
        (Martinotti, Martinotti) => 0.2,
        _ => 1.0,
    }
}

/// Synapses per connection, mean and standard deviation.
pub(super) fn contacts(pre: &Mtype, post: &Mtype) -> (f32, f32) {
    match (pre.name, post.name) {
        ("L23_PC", "L23_PC") | ("L6_IPC", "L6_IPC") => (2.8, 1.2),
        ("L23_PC", "L5_TTPC1" | "L5_TTPC2") => (3.8, 1.6),
        ("L4_PC" | "L4_SP", "L4_PC" | "L4_SP") => (3.3, 1.4),
        ("L4_SS", "L4_SS") => (2.9, 1.1),
        ("L4_SS", "L23_PC") => (4.8, 1.6),
        ("L4_PC" | "L4_SP", "L5_TTPC1" | "L5_TTPC2") => (4.3, 1.7),
        ("L5_TTPC1" | "L5_TTPC2", "L5_TTPC1" | "L5_TTPC2") => (6.1, 2.5),
        ("L5_STPC", "L5_STPC") => (4.2, 1.7),
        ("L6_BPC", "L6_BPC") => (2.9, 1.2),
        ("L6_TPC_L1", "L6_TPC_L1") => (4.6, 2.2),
        ("L6_MC", "L6_IPC") => (11.0, 3.9),
        ("L1_NGC-DA", "L23_PC") => (15.0, 5.9),
        ("L4_LBC", "L4_SS") => (16.0, 5.7),
        _ => contacts_of_families(pre, post),
    }
}

fn contacts_of_families(pre: &Mtype, post: &Mtype) -> (f32, f32) {
    let to_layer_5 = post.layer == 5 && post.is_excitatory();
    match (pre.family, post.family) {
        (Pyramidal | Stellate, Pyramidal | Stellate) if to_layer_5 => (4.2, 1.7),
        (Pyramidal | Stellate, Pyramidal | Stellate) => (3.4, 1.5),
        (Pyramidal | Stellate, Martinotti) => (8.5, 2.9),
        (Pyramidal | Stellate, _) => (6.0, 2.3),
        (Chandelier, _) => (1.5, 0.82),
        (LargeBasket, Pyramidal) if to_layer_5 => (22.0, 10.0),
        (NestBasket, Pyramidal) if to_layer_5 => (24.0, 12.0),
        (LargeBasket | NestBasket, Pyramidal | Stellate) => (17.0, 6.0),
        (SmallBasket, Pyramidal | Stellate) => (13.0, 5.0),
        (Martinotti, Pyramidal) if to_layer_5 => (14.0, 5.6),
        (Martinotti, Pyramidal | Stellate) => (12.0, 3.9),
        (LayerOne, Pyramidal | Stellate) => (11.0, 3.5),
        (_, Pyramidal | Stellate) => (12.5, 4.5),
        _ => (9.0, 3.5),
    }
}

/// The dynamics of a class of synapses (Tsodyks–Markram), each value with its standard deviation.
pub(super) struct Dynamics {
    /// The number of the class; excitatory from 100.
    pub(super) id: f32,
    /// nS.
    pub(super) conductance: Positive,
    /// Utilization.
    pub(super) u: Positive,
    /// Recovery from depression and from facilitation, and decay of the current, in ms.
    pub(super) d: Positive,
    pub(super) f: Positive,
    pub(super) decay: Positive,
}

/// Id, then conductance, U, D, F, decay, each mean and deviation.
type Row = (f32, (f32, f32), (f32, f32), (f32, f32), (f32, f32), (f32, f32));

const AMPA: (f32, f32) = (1.74, 0.1);
const DYNAMICS: [Row; 21] = [
    // I1, facilitating.
    (0.0, (0.83, 0.2), (0.16, 0.054), (45.0, 11.0), (376.0, 136.0), (10.4, 3.3)),
    (3.0, (0.83, 0.2), (0.16, 0.054), (45.0, 11.0), (376.0, 136.0), (10.4, 3.3)),
    // I2, depressing.
    (1.0, (0.83, 0.2), (0.25, 0.07), (706.0, 219.0), (21.0, 4.9), (8.3, 1.2)),
    (4.0, (0.89, 0.2), (0.25, 0.07), (706.0, 219.0), (21.0, 4.9), (8.3, 1.2)),
    (8.0, (0.75, 0.2), (0.25, 0.07), (706.0, 219.0), (21.0, 4.9), (8.3, 1.2)),
    (9.0, (0.75, 0.2), (0.3, 0.043), (1250.0, 283.0), (2.2, 1.9), (8.3, 1.2)),
    (10.0, (0.9, 0.2), (0.139, 0.035), (872.0, 210.0), (22.0, 5.0), (8.3, 1.2)),
    (11.0, (0.85, 0.2), (0.255, 0.06), (723.0, 200.0), (21.0, 5.0), (36.6, 0.7)),
    // I3, pseudo-linear.
    (5.0, (0.91, 0.2), (0.319, 0.076), (144.0, 44.0), (62.0, 17.0), (6.4, 0.9)),
    // E1, facilitating.
    (133.0, (0.115, 0.04), (0.092, 0.063), (143.0, 107.0), (676.0, 439.0), AMPA),
    (114.0, (0.42, 0.15), (0.02, 0.001), (194.0, 9.7), (507.0, 20.0), AMPA),
    (115.0, (0.73, 0.25), (0.02, 0.001), (194.0, 9.7), (507.0, 20.0), AMPA),
    // E2, depressing.
    (116.0, (0.79, 0.29), (0.5, 0.011), (671.0, 9.0), (17.0, 2.7), AMPA),
    (117.0, (0.42, 0.15), (0.5, 0.011), (671.0, 9.0), (17.0, 2.7), AMPA),
    (118.0, (0.73, 0.26), (0.5, 0.011), (671.0, 9.0), (17.0, 2.7), AMPA),
    (123.0, (1.58, 0.5), (0.5, 0.011), (671.0, 9.0), (17.0, 2.7), AMPA),
    (120.0, (0.68, 0.24), (0.86, 0.048), (671.0, 9.0), (17.0, 2.7), AMPA),
    (134.0, (0.73, 0.26), (0.72, 0.12), (227.0, 70.0), (14.0, 6.0), AMPA),
    // E3, pseudo-linear.
    (126.0, (0.79, 0.28), (0.21, 0.033), (460.0, 55.0), (230.0, 72.0), AMPA),
    (128.0, (0.79, 0.28), (0.27, 0.05), (559.0, 60.0), (200.0, 60.0), AMPA),
    (129.0, (0.79, 0.28), (0.22, 0.04), (535.0, 60.0), (116.0, 40.0), AMPA),
];

/// The classes of synapses.
pub(super) static CLASSES: LazyLock<Vec<Dynamics>> = LazyLock::new(|| {
    let positive = |(mean, deviation)| Positive::new(mean, deviation);
    let dynamics = |&(id, conductance, u, d, f, decay): &Row| Dynamics {
        id,
        conductance: positive(conductance),
        u: positive(u),
        d: positive(d),
        f: positive(f),
        decay: positive(decay),
    };
    DYNAMICS.iter().map(dynamics).collect()
});

/// The class (its place in [`CLASSES`]) of thalamocortical synapses: depressing, with a high U.
pub(super) const THALAMIC: usize = 16;

/// The class, as its place in [`CLASSES`], of the synapses between two types of cells.
pub(super) fn class(pre: &Mtype, pre_etype: u8, post: &Mtype) -> usize {
    let thick_tufted = |m: &Mtype| matches!(m.name, "L5_TTPC1" | "L5_TTPC2");
    let id = match (pre.family, post.family) {
        (Pyramidal | Stellate, Martinotti) => 133,
        (Pyramidal | Stellate, Bitufted) => 114,
        (Pyramidal | Stellate, NestBasket) => 115,
        (Pyramidal | Stellate, LargeBasket) => 134,
        (Pyramidal | Stellate, Pyramidal | Stellate) => match (pre.layer, post.layer) {
            _ if thick_tufted(pre) && thick_tufted(post) => 123,
            (4, 4) => 120,
            (4, _) => 118,
            (6, 6) => match pre.name {
                "L6_TPC_L1" => 126,
                "L6_IPC" => 128,
                "L6_TPC_L4" => 129,
                _ => 116,
            },
            _ => 116,
        },
        (Pyramidal | Stellate, _) => 117,
        (Martinotti, Pyramidal | Stellate) => 9,
        (Neurogliaform, Pyramidal | Stellate) => 11,
        (Chandelier, _) => 4,
        (LargeBasket | NestBasket, Pyramidal) if thick_tufted(post) => 5,
        (LargeBasket | NestBasket, Pyramidal | Stellate) if pre_etype == ACCOMMODATING => 0,
        (LargeBasket | NestBasket, Pyramidal | Stellate) => 10,
        (SmallBasket, Pyramidal | Stellate) => 8,
        (LargeBasket | NestBasket | SmallBasket, _) if pre_etype == ACCOMMODATING => 3,
        _ => 1,
    };
    DYNAMICS.iter().position(|row| row.0 as i32 == id).unwrap_or(0)
}

/// Vesicles that a synapse has ready, on average.
pub(super) fn vesicles(pre: &Mtype, post: &Mtype) -> f32 {
    match (pre.is_excitatory(), post.is_excitatory()) {
        (true, true) if pre.layer == 5 => 2.8,
        (true, true) => 2.0,
        (true, false) => 1.5,
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_the_published_ones() {
        let total: u32 = MTYPES.iter().map(|m| m.cells).sum();
        let excitatory: u32 = MTYPES.iter().filter(|m| m.is_excitatory()).map(|m| m.cells).sum();
        assert_eq!(excitatory, 26_567);
        assert!(total.abs_diff(COLUMN_CELLS) <= 10, "{total}");
        let layer = |l| MTYPES.iter().filter(|m| m.layer == l).map(|m| m.cells).sum::<u32>();
        assert_eq!([1, 2, 4, 5, 6].map(layer), [338, 7519, 4654, 6112, 12_713]);
    }

    #[test]
    fn electrical_types_are_as_frequent_as_published() {
        let published = [461, 462, 433, 226, 1323, 26_567, 106, 874, 245, 551, 98].map(f64::from);
        for (etype, wanted) in published.iter().enumerate() {
            let share = |m: &Mtype| {
                let percent = m.family.etypes();
                f64::from(percent[etype]) / f64::from(percent.iter().sum::<u32>())
            };
            let count: f64 = MTYPES.iter().map(|m| f64::from(m.cells) * share(m)).sum();
            assert!((count / wanted - 1.0).abs() < 0.09, "{} {count} {wanted}", ETYPES[etype]);
        }
    }

    #[test]
    fn classes_and_reaches_are_complete() {
        for pre in MTYPES.iter() {
            assert!(pre.axon.clouds.len() <= CLOUDS && pre.dendrite.clouds.len() <= CLOUDS);
            for reach in [&pre.axon, &pre.dendrite] {
                let shares: f32 = reach.clouds.iter().map(|c| c.share).sum();
                assert!((shares - 1.0).abs() < 1e-5, "{}", pre.name);
            }
            for post in MTYPES.iter() {
                let class = &CLASSES[class(pre, 0, post)];
                assert_eq!(class.id >= 100.0, pre.is_excitatory(), "{} {}", pre.name, post.name);
            }
        }
        assert_eq!(CLASSES[THALAMIC].id, 120.0);
    }
}
