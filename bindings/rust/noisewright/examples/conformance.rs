// SPDX-License-Identifier: Apache-2.0
//! Owns the Rust runner of the conformance cases: tests/conformance/README.md of the repository
//! says what it reads and prints. conformance CASES [THREADS]

use std::error::Error;
use std::fmt::Write;

use noisewright::{
    entries, At, Bf16, Clock, Coeffs, Context, Distribution, Domain, Dtype, Element, Eval,
    ImportOptions, Numbers, Quantity, Rng, Sampler, SamplerBuilder, Schedule, Spec, Start, Stop,
    Strength, TensorMut, TensorRef, F16,
};

type Any<T> = Result<T, Box<dyn Error>>;

// ---- the file ------------------------------------------------------------------------------------

struct Line {
    words: Vec<String>,
    number: usize,
}

impl Line {
    fn refuse<T>(&self, what: &str) -> Any<T> {
        Err(format!("line {}: {what}: {}", self.number, self.words.join(" ")).into())
    }

    fn word(&self, place: usize) -> Any<&str> {
        match self.words.get(place) {
            Some(word) => Ok(word),
            None => self.refuse("a value is missing"),
        }
    }

    fn number<T: std::str::FromStr>(&self, place: usize) -> Any<T> {
        match self.word(place)?.parse() {
            Ok(value) => Ok(value),
            Err(_) => self.refuse("not a number"),
        }
    }

    fn named<T: std::str::FromStr<Err = noisewright::Error>>(&self, place: usize) -> Any<T> {
        match self.word(place)?.parse() {
            Ok(value) => Ok(value),
            Err(_) => self.refuse("unknown name"),
        }
    }

    /// Three words from a place on: seed, stream, offset.
    fn generator(&self, place: usize) -> Any<Rng> {
        let (seed, stream) = (self.number(place)?, self.number(place + 1)?);
        Ok(Rng {
            offset: self.number(place + 2)?,
            ..Rng::with_stream(seed, stream)
        })
    }
}

struct Case(Vec<Line>);

macro_rules! sample_keys {
    () => {
        "seed shape dtype times sampler predict steps clock start init model model2 model3 model4 \
         keep generator"
    };
}

/// Of each kind the keys that it reads, beside schedule and table.
fn keys_of(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "random" => "seed shape dtype distribution generator levels",
        "import" => "text set steps",
        "strength" => "rule steps strength",
        "density" => "seed shape dtype density",
        "grid" => "grid count",
        "eval" => "times",
        "invert" => "lambdas",
        "weigh" => "times weight",
        "transform" => "times input output diffusion shape dtype drawn",
        "combine" => "array factors shape dtype",
        "blend" => "array mask shape dtype",
        "coeffs" => "times input output diffusion",
        "sample" => concat!(sample_keys!(), " resume"),
        "save" => concat!(sample_keys!(), " after"),
        "catalog" => "domain",
        "error" => concat!(
            sample_keys!(),
            " call says grid count weight density distribution levels text set rule strength"
        ),
        _ => return None,
    })
}

impl Case {
    fn lines<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a Line> {
        self.0[1..].iter().filter(move |line| line.words[0] == key)
    }

    fn find(&self, key: &str) -> Option<&Line> {
        self.0[1..].iter().find(|line| line.words[0] == key)
    }

    fn value(&self, key: &str) -> Any<Option<&str>> {
        self.find(key).map(|line| line.word(1)).transpose()
    }

    fn spec(&self, key: &str, default: &str) -> Any<Spec> {
        Ok(self.value(key)?.unwrap_or(default).into())
    }

    fn whole<T: std::str::FromStr + Default>(&self, key: &str) -> Any<T> {
        self.find(key)
            .map_or(Ok(T::default()), |line| line.number(1))
    }

    fn choice<T>(&self, key: &str, default: T) -> Any<T>
    where
        T: std::str::FromStr<Err = noisewright::Error>,
    {
        self.find(key).map_or(Ok(default), |line| line.named(1))
    }

    fn numbers(&self, key: &str) -> Any<Vec<f64>> {
        let places = self
            .lines(key)
            .flat_map(|line| (1..line.words.len()).map(move |i| (line, i)));
        places.map(|(line, place)| line.number(place)).collect()
    }

    fn generators(&self) -> Any<Vec<Rng>> {
        self.lines("seed").map(|line| line.generator(1)).collect()
    }

    fn shape(&self) -> Any<Vec<usize>> {
        match self.find("shape") {
            Some(line) => (1..line.words.len())
                .map(|place| line.number(place))
                .collect(),
            None => self.0[0].refuse("a shape, please"),
        }
    }

    fn zeros<T: Element>(&self) -> Any<Vec<T>> {
        Ok(vec![T::default(); self.shape()?.iter().product()])
    }

    fn check_keys(&self, keys: &str) -> Any<()> {
        for line in &self.0[1..] {
            if !keys
                .split(' ')
                .chain(["schedule", "table"])
                .any(|key| key == line.words[0])
            {
                return line.refuse("unknown key");
            }
        }
        Ok(())
    }
}

fn read_cases(text: &str) -> Vec<Case> {
    let mut cases = vec![Case(Vec::new())];
    for (index, line) in text.lines().enumerate() {
        let words = line.split('#').next().unwrap_or("").split_whitespace();
        let words: Vec<_> = words.map(str::to_owned).collect();
        if !words.is_empty() {
            cases.last_mut().unwrap().0.push(Line {
                words,
                number: index + 1,
            });
        } else if !line.starts_with('#') {
            cases.push(Case(Vec::new()));
        }
    }
    cases.retain(|case| !case.0.is_empty());
    cases
}

// ---- elements ------------------------------------------------------------------------------------

struct Model {
    name: String,
    a: f64,
    b: f64,
}

impl Model {
    fn of(line: &Line) -> Any<Self> {
        let name = line.word(1)?.to_owned();
        let b = if name == "affine" {
            line.number(3)?
        } else {
            0.0
        };
        if !["scale", "affine", "cubic", "clock", "unit"].contains(&name.as_str()) {
            return line.refuse("unknown model");
        }
        Ok(Self {
            name,
            a: line.number(2)?,
            b,
        })
    }
}

/// An element type with a model's arithmetic in it and its bytes.
trait Number: Element {
    fn apply(self, model: &Model, clock: f64, scale: f64) -> Self;
    fn bytes(self) -> [u8; 8];
    const SIZE: usize;
}

macro_rules! number {
    ($($kind:ty as $real:ty, $load:expr, $store:expr, $bits:expr;)*) => {
        $(impl Number for $kind {
            const SIZE: usize = std::mem::size_of::<$kind>();

            fn apply(self, model: &Model, clock: f64, scale: f64) -> Self {
                let (a, b) = (model.a as $real, model.b as $real);
                let x: $real = $load(self);
                $store(match model.name.as_str() {
                    "scale" => a * x,
                    "affine" => a * x + b,
                    "cubic" => x - ((a * x) * x) * x,
                    "clock" => a * x + clock as $real,
                    _ => a * (scale as $real * x),
                })
            }

            fn bytes(self) -> [u8; 8] {
                let bits: u64 = $bits(self);
                bits.to_le_bytes()
            }
        })*
    };
}

number! {
    F16 as f32, f32::from, F16::from, |x: F16| x.to_bits().into();
    Bf16 as f32, f32::from, Bf16::from, |x: Bf16| x.to_bits().into();
    f32 as f32, |x| x, |x| x, |x: f32| x.to_bits().into();
    f64 as f64, |x| x, |x| x, f64::to_bits;
    i64 as f64, |x| x as f64, |x| x as i64, |x| x as u64;
}

macro_rules! with_dtype {
    ($case:expr, $function:ident($($argument:expr),*)) => {
        match $case.choice("dtype", Dtype::F32)? {
            Dtype::F16 => $function::<F16>($($argument),*),
            Dtype::Bf16 => $function::<Bf16>($($argument),*),
            Dtype::F64 => $function::<f64>($($argument),*),
            Dtype::I64 => $function::<i64>($($argument),*),
            _ => $function::<f32>($($argument),*),
        }
    };
}

fn hash(bytes: impl IntoIterator<Item = u8>) -> String {
    let mix = |h: u64, byte: u8| (h ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    format!(
        "{:016x}",
        bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, mix)
    )
}

fn hash_of<T: Number>(values: &[T]) -> String {
    hash(
        values
            .iter()
            .flat_map(|value| value.bytes().into_iter().take(T::SIZE)),
    )
}

// ---- the kinds -----------------------------------------------------------------------------------

struct World<'a> {
    context: &'a Context,
    schedule: Schedule,
}

fn make_schedule(case: &Case) -> Any<Schedule> {
    Ok(Schedule::table(
        case.spec("schedule", "linear")?,
        &case.numbers("table")?,
    )?)
}

fn generate<T: Number>(case: &Case, world: &World<'_>) -> Any<String> {
    let mut data = case.zeros::<T>()?;
    let mut rngs = case.generators()?;
    let (generator, context) = (case.spec("generator", "philox")?, world.context);
    let mut out = TensorMut::new(&mut data, &case.shape()?)?;
    if let [from, to] = case.numbers("levels")?[..] {
        context.random_increment(generator, from, to, &mut rngs, &mut out)?;
    } else {
        let what = case.choice("distribution", Distribution::Normal)?;
        context.random_generate(generator, what, &mut rngs, &mut out)?;
    }
    let mut line = hash_of(&data);
    for rng in rngs {
        write!(line, " {} {} {}", rng.seed, rng.stream, rng.offset)?;
    }
    Ok(line)
}

fn import(case: &Case) -> Any<String> {
    let text = case.find("text").map(|line| line.words[1..].join(" "));
    let mut options = ImportOptions::default().steps(case.whole("steps")?);
    if let Some(schedule) = case.value("schedule")? {
        options = options.schedule(schedule);
    }
    for line in case.lines("set") {
        options = options.param(line.word(1)?, line.number(2)?);
    }
    let schedule = Schedule::import(&text.unwrap_or_default(), &options)?;
    let got = schedule.imported().ok_or("no import")?;
    let mut text = format!(
        "{}\n{}\n{}\n{}\n{} {} {} {} {}\n",
        got.source,
        schedule.info()?.spec,
        got.grid,
        got.sampler,
        i32::from(got.prediction),
        i32::from(got.clock),
        i32::from(got.start),
        got.clock_scale as i32,
        got.steps
    );
    for warning in &got.warnings {
        writeln!(text, "{warning}")?;
    }
    Ok(format!(
        "{} warnings {}",
        hash(text.into_bytes()),
        got.warnings.len()
    ))
}

fn strength(case: &Case) -> Any<String> {
    let rule: Strength = case.choice("rule", Strength::Floor)?;
    let first = rule.skip(case.whole("steps")?, case.whole("strength")?)?;
    Ok(first.to_string())
}

fn random<T: Number>(case: &Case, world: &World<'_>) -> Any<String> {
    if case.find("generator").is_some() {
        return generate::<T>(case, world);
    }
    let mut data = case.zeros::<T>()?;
    let what = case.choice("distribution", Distribution::Normal)?;
    let mut out = TensorMut::new(&mut data, &case.shape()?)?;
    world
        .context
        .random_fill(what, &case.generators()?, &mut out)?;
    Ok(hash_of(&data))
}

fn density<T: Number>(case: &Case, world: &World<'_>) -> Any<String> {
    let mut data = case.zeros::<T>()?;
    let mut out = TensorMut::new(&mut data, &case.shape()?)?;
    let density = case.spec("density", "uniform")?;
    world
        .context
        .random_times(&world.schedule, density, &case.generators()?, &mut out)?;
    Ok(hash_of(&data))
}

fn grid(case: &Case, world: &World<'_>) -> Any<String> {
    let grid = case.spec("grid", "uniform")?;
    Ok(hash_of(&world.schedule.grid(grid, case.whole("count")?)?))
}

fn eval(case: &Case, world: &World<'_>) -> Any<String> {
    let numbers = |c: &Coeffs| {
        [
            c.alpha,
            c.sigma,
            c.gamma,
            c.dalpha,
            c.dsigma,
            c.gamma_dgamma,
            c.log_alpha,
            c.dlog_alpha,
            c.lambda,
            c.diffusion2,
        ]
    };
    let coeffs = world.schedule.eval(&case.numbers("times")?)?;
    Ok(hash_of(
        &coeffs.iter().flat_map(numbers).collect::<Vec<_>>(),
    ))
}

fn invert(case: &Case, world: &World<'_>) -> Any<String> {
    Ok(hash_of(&world.schedule.invert(&case.numbers("lambdas")?)?))
}

fn weigh(case: &Case, world: &World<'_>) -> Any<String> {
    let weight = case.spec("weight", "diffusion")?;
    Ok(hash_of(
        &world.schedule.weigh(weight, &case.numbers("times")?)?,
    ))
}

/// One number stands for every sample.
fn numbers(values: &[f64]) -> Numbers<'_> {
    match values {
        [value] => Numbers::One(*value),
        _ => values.into(),
    }
}

fn drawn<T: Number>(case: &Case, world: &World<'_>, what: Distribution, rng: Rng) -> Any<Vec<T>> {
    let mut data = case.zeros::<T>()?;
    let mut out = TensorMut::new(&mut data, &case.shape()?)?;
    world.context.random_fill(what, &[rng], &mut out)?;
    Ok(data)
}

/// The tensors of `array`, normals each.
fn arrays<T: Number>(case: &Case, world: &World<'_>) -> Any<Vec<Vec<T>>> {
    case.lines("array")
        .map(|line| drawn(case, world, Distribution::Normal, line.generator(1)?))
        .collect()
}

fn combine<T: Number>(case: &Case, world: &World<'_>) -> Any<String> {
    let (shape, arrays) = (case.shape()?, arrays::<T>(case, world)?);
    let tensors = arrays
        .iter()
        .map(|data| Ok(TensorRef::new(data, &shape)?))
        .collect::<Any<Vec<_>>>()?;
    let factors = case.numbers("factors")?;
    let terms: Vec<_> = factors.into_iter().zip(&tensors).collect();
    let mut data = case.zeros::<T>()?;
    let mut out = TensorMut::new(&mut data, &shape)?;
    world.context.combine(&terms, &mut out)?;
    Ok(hash_of(&data))
}

fn blend<T: Number>(case: &Case, world: &World<'_>) -> Any<String> {
    let (shape, mut arrays) = (case.shape()?, arrays::<T>(case, world)?);
    let (Some(line), [x, other]) = (case.find("mask"), &mut arrays[..]) else {
        return case.0[0].refuse("two arrays and a mask, please");
    };
    let mask: Vec<T> = drawn(case, world, Distribution::Uniform, line.generator(1)?)?;
    world.context.blend(
        &mut TensorMut::new(x, &shape)?,
        &TensorRef::new(other, &shape)?,
        &TensorRef::new(&mask, &shape)?,
    )?;
    Ok(hash_of(x))
}

fn transform<T: Number>(case: &Case, world: &World<'_>) -> Any<String> {
    let shape = case.shape()?;
    let (mut given, mut wanted) = (Vec::new(), Vec::new());
    for line in case.lines("input") {
        let data: Vec<T> = drawn(case, world, Distribution::Normal, line.generator(2)?)?;
        given.push((line.named(1)?, data));
    }
    for line in case.lines("output") {
        wanted.push((line.named(1)?, case.zeros::<T>()?));
    }
    let inputs = given
        .iter()
        .map(|(quantity, data)| Ok((*quantity, TensorRef::new(data, &shape)?)))
        .collect::<Any<Vec<(Quantity, _)>>>()?;
    let inputs: Vec<_> = inputs
        .iter()
        .map(|(quantity, tensor)| (*quantity, tensor))
        .collect();
    let mut outputs = wanted
        .iter_mut()
        .map(|(quantity, data)| Ok((*quantity, TensorMut::new(data, &shape)?)))
        .collect::<Any<Vec<(Quantity, _)>>>()?;
    let mut outputs: Vec<_> = outputs
        .iter_mut()
        .map(|(quantity, t)| (*quantity, t))
        .collect();
    let (times, diffusion) = (case.numbers("times")?, case.numbers("diffusion")?);
    if let Some(line) = case.find("drawn") {
        let drawn = (line.named(1)?, &[line.generator(2)?][..]);
        let t = numbers(&times);
        world
            .context
            .corrupt(&world.schedule, t, drawn, &inputs, &mut outputs)?;
    } else {
        let mut at = At::from(numbers(&times));
        if !diffusion.is_empty() {
            at = at.diffusion(numbers(&diffusion));
        }
        world
            .context
            .transform(&world.schedule, at, &inputs, &mut outputs)?;
    }
    Ok(wanted
        .iter()
        .map(|(_, data)| hash_of(data))
        .collect::<Vec<_>>()
        .join(" "))
}

fn coeffs(case: &Case, world: &World<'_>) -> Any<String> {
    let inputs = case
        .lines("input")
        .map(|line| line.named(1))
        .collect::<Any<Vec<_>>>()?;
    let output = case.choice("output", Quantity::State)?;
    let (t, diffusion) = (case.whole("times")?, case.whole("diffusion")?);
    Ok(hash_of(
        &world.schedule.factors(t, diffusion, &inputs, output)?,
    ))
}

fn sampler_of(case: &Case) -> Any<SamplerBuilder> {
    let mut builder = Sampler::builder(case.spec("sampler", "euler")?)
        .predicts(case.choice("predict", Quantity::Velocity)?)
        .steps(case.whole("steps")?)
        .clock(case.choice("clock", Clock::T)?)
        .rngs(&case.generators()?);
    if let Some(generator) = case.value("generator")? {
        builder = builder.generator(generator);
    }
    let rows = case.lines("times").count();
    if rows > 0 {
        builder = builder.times_per_sample(&case.numbers("times")?, rows as u32);
    }
    if case.find("keep").is_some() {
        builder = builder.keep_denoised();
    }
    Ok(builder)
}

fn evaluate<T: Number>(model: &Model, eval: &Eval<'_>, x: &TensorRef<'_>, out: &mut [T]) {
    let x_elements = x.as_slice::<T>().expect("x is as it was made");
    let per_sample = x.len() / x.shape()[0];
    for (i, (x, out)) in x_elements.iter().zip(out).enumerate() {
        let row = if eval.clock_rows.len() == 1 {
            0
        } else {
            i / per_sample
        };
        *out = x.apply(model, eval.clock_rows[row], eval.input_scale_rows[row]);
    }
}

/// One run of a case: its sampler, state, and models.
struct Run<T> {
    sampler: Sampler,
    models: Vec<Model>,
    shape: Vec<usize>,
    x: Vec<T>,
    outputs: Vec<Vec<T>>,
}

/// What a run ends with: state, estimate, evaluations.
type End<T> = (Vec<T>, Vec<T>, u32);

impl<T: Number> Run<T> {
    fn start(case: &Case, world: &World<'_>) -> Any<Self> {
        let models = ["model", "model2", "model3", "model4"];
        let models = models.into_iter().filter_map(|key| case.find(key));
        let models = models.map(Model::of).collect::<Any<Vec<_>>>()?;
        let mut run = Self {
            sampler: sampler_of(case)?.build(world.context, &world.schedule)?,
            outputs: models.iter().map(|_| case.zeros()).collect::<Any<_>>()?,
            models,
            shape: case.shape()?,
            x: case.zeros()?,
        };
        let mut x = TensorMut::new(&mut run.x, &run.shape)?;
        if let Some(line) = case.find("init") {
            let rng = line.generator(1)?;
            world
                .context
                .random_fill(Distribution::Normal, &[rng], &mut x)?;
        }
        run.sampler
            .start(&mut x, case.choice("start", Start::Prior)?)?;
        Ok(run)
    }

    /// By next and step, to the end or until so many evaluations are done.
    fn step_until(&mut self, until: u32) -> Any<()> {
        let mut x = TensorMut::new(&mut self.x, &self.shape)?;
        while let Some(eval) = self.sampler.next()?.filter(|eval| eval.index < until) {
            let count = eval.output_count as usize * usize::from(!eval.noises);
            let outputs = self.outputs.get_mut(..count);
            let outputs = outputs.ok_or("a model for each output, please")?;
            for (model, out) in self.models.iter().zip(&mut *outputs) {
                evaluate(model, &eval, &x, out);
            }
            let views = outputs.iter().map(|out| TensorRef::new(out, &self.shape));
            let views = views.collect::<Result<Vec<_>, _>>()?;
            match &views[..] {
                [one] => self.sampler.step(&mut x, one)?,
                [one, other] => self.sampler.step_guided(&mut x, one, other)?,
                _ => self
                    .sampler
                    .step_outputs(&mut x, &views.iter().collect::<Vec<_>>())?,
            }
        }
        Ok(())
    }

    fn run_to_end(&mut self) -> Any<()> {
        let mut x = TensorMut::new(&mut self.x, &self.shape)?;
        let models = &self.models;
        let result = self.sampler.run(&mut x, |eval, x, outputs| {
            if outputs.len() > models.len() {
                return Err(format!(
                    "{} outputs for {} models",
                    outputs.len(),
                    models.len()
                ));
            }
            for (model, out) in models.iter().zip(outputs) {
                let out = out.as_mut_slice::<T>().map_err(|error| error.to_string())?;
                evaluate(model, eval, x, out);
            }
            Ok(())
        });
        result.map_err(|stop: Stop<String>| stop.to_string().into())
    }

    fn end(self, case: &Case) -> Any<End<T>> {
        let mut denoised = case.zeros()?;
        if case.find("keep").is_some() {
            self.sampler
                .denoised(&mut TensorMut::new(&mut denoised, &self.shape)?)?;
        }
        let evals = self.sampler.position()?.index;
        Ok((self.x, denoised, evals))
    }
}

fn sample<T: Number>(case: &Case, world: &World<'_>) -> Any<String> {
    let mut run = Run::<T>::start(case, world)?;
    run.step_until(u32::MAX)?;
    let mut ends = vec![run.end(case)?];
    let mut run = Run::<T>::start(case, world)?;
    run.run_to_end()?;
    ends.push(run.end(case)?);
    let resume = case.find("resume");
    if let Some(line) = resume {
        let mut run = Run::<T>::start(case, world)?;
        run.step_until(line.number(1)?)?;
        let bytes = run.sampler.save()?;
        run.sampler = Sampler::load(world.context, &world.schedule, &bytes)?;
        run.step_until(u32::MAX)?;
        ends.push(run.end(case)?);
    }
    let key = |(x, denoised, evals): &End<T>| (hash_of(x), hash_of(denoised), *evals);
    let (x, denoised, evals) = key(&ends[0]);
    let same = ends.iter().all(|end| key(end) == key(&ends[0]));
    let mut line = format!("{} evals {evals}", if same { &x } else { "DIFFER" });
    if resume.is_some() {
        line += " resumed";
    }
    if case.find("keep").is_some() {
        write!(line, " denoised {denoised}")?;
    }
    Ok(line)
}

fn save<T: Number>(case: &Case, world: &World<'_>) -> Any<String> {
    let mut run = Run::<T>::start(case, world)?;
    run.step_until(case.whole("after")?)?;
    let bytes = run.sampler.save()?;
    Ok(format!(
        "{} bytes {}",
        hash(bytes.iter().copied()),
        bytes.len()
    ))
}

fn catalog(case: &Case) -> Any<String> {
    let domains = [
        Domain::Status,
        Domain::Dtype,
        Domain::Device,
        Domain::Quantity,
        Domain::Schedule,
        Domain::Grid,
        Domain::Sampler,
        Domain::Clock,
        Domain::Distribution,
        Domain::Start,
        Domain::Weight,
        Domain::Density,
        Domain::Strength,
        Domain::Generator,
    ];
    let number = case.whole::<usize>("domain")?;
    let domain = domains
        .get(number)
        .copied()
        .unwrap_or(Domain::Unknown(number as i32));
    let line = |e: noisewright::Entry| format!("{} {} {}\n", e.name, e.value, e.params().len());
    Ok(hash(
        entries(domain).map(line).collect::<String>().into_bytes(),
    ))
}

fn call(case: &Case, world: &World<'_>, what: &str) -> Any<String> {
    match what {
        "grid" => grid(case, world),
        "sampler" => Ok(sampler_of(case)?
            .build(world.context, &world.schedule)
            .map(|_| String::new())?),
        "weigh" => weigh(case, world),
        "import" => import(case),
        "strength" => strength(case),
        "density" => with_dtype!(case, density(case, world)),
        "random" => with_dtype!(case, generate(case, world)),
        _ => case.0[0].refuse("unknown call"),
    }
}

fn describe(case: &Case, result: Any<String>) -> Any<String> {
    let error = match result {
        Ok(_) => return Ok("0 silent".into()),
        Err(error) => *error.downcast::<noisewright::Error>()?,
    };
    let says = case.lines("says").flat_map(|line| &line.words[1..]);
    let all = says
        .into_iter()
        .all(|word| error.message().contains(word.as_str()));
    Ok(format!(
        "{} {}",
        i32::from(error.kind()),
        if all { "says" } else { "silent" }
    ))
}

fn answer(case: &Case, context: &Context, kind: &str) -> Any<String> {
    let schedule = make_schedule(case);
    let called = case.value("call")?;
    if called == Some("schedule") {
        return describe(case, schedule.map(|_| String::new()));
    }
    let world = &World {
        context,
        schedule: schedule?,
    };
    match kind {
        "random" => with_dtype!(case, random(case, world)),
        "density" => with_dtype!(case, density(case, world)),
        "grid" => grid(case, world),
        "eval" => eval(case, world),
        "invert" => invert(case, world),
        "weigh" => weigh(case, world),
        "transform" => with_dtype!(case, transform(case, world)),
        "combine" => with_dtype!(case, combine(case, world)),
        "blend" => with_dtype!(case, blend(case, world)),
        "coeffs" => coeffs(case, world),
        "sample" => with_dtype!(case, sample(case, world)),
        "save" => with_dtype!(case, save(case, world)),
        "catalog" => catalog(case),
        "import" => import(case),
        "strength" => strength(case),
        _ => describe(case, call(case, world, called.unwrap_or_default())),
    }
}

/// A line a case, and whether every call that should have succeeded did.
pub fn run_cases(text: &str, threads: u32) -> Any<(String, bool)> {
    let context = Context::builder().threads(threads).build()?;
    let (mut lines, mut passed) = (String::new(), true);
    for case in read_cases(text) {
        let head = &case.0[0];
        let (name, kind) = (head.word(1)?, head.word(2)?);
        let keys = match keys_of(kind) {
            Some(keys) if head.word(0)? == "case" => keys,
            _ => return head.refuse("case NAME KIND, please"),
        };
        case.check_keys(keys)?;
        match answer(&case, &context, kind) {
            Ok(result) => writeln!(lines, "{name} {result}")?,
            Err(error) => {
                eprintln!("line {}: {name}: {error}", head.number);
                writeln!(lines, "{name} FAILED")?;
                passed = false;
            }
        }
    }
    Ok((lines, passed))
}

#[allow(dead_code)] // the test of the same name calls run_cases
fn main() -> Any<()> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments
        .next()
        .ok_or("usage: conformance CASES [THREADS]")?;
    let threads = arguments.next().map_or(Ok(0), |word| word.parse())?;
    let (lines, passed) = run_cases(&std::fs::read_to_string(file)?, threads)?;
    print!("{lines}");
    std::process::exit(i32::from(!passed));
}
