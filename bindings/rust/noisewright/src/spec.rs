// SPDX-License-Identifier: Apache-2.0
//! Owns how a choice is written: "name" or "name(key=value,...)".

use std::ffi::CString;
use std::fmt;

use crate::{Error, Result};

/// The name of a schedule, grid, sampler, weight, density or generator with its settings, as
/// `"ddim(eta=0.5)"`. Made from such a string, from a struct of [`kinds`](crate::kinds), or bit by
/// bit; the library checks it where it is used.
///
/// ```
/// use noisewright::{kinds::samplers::Ddim, Spec};
///
/// let typed = Spec::from(Ddim { eta: 0.5, ..Default::default() });
/// assert!(typed.to_string().starts_with("ddim(eta=0.5,"));
/// assert_eq!(Spec::new("ddim").number("eta", 0.5).to_string(), "ddim(eta=0.5)");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    name: String,
    settings: String,
}

impl Spec {
    /// The entry of that name with its default settings.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            settings: String::new(),
        }
    }

    /// Sets a number.
    #[must_use]
    pub fn number(self, key: &str, value: f64) -> Self {
        // {} writes the shortest decimal that reads back as the same number.
        self.word(key, &value.to_string())
    }

    /// Sets a setting whose values are words.
    #[must_use]
    pub fn word(mut self, key: &str, value: &str) -> Self {
        let comma = if self.settings.is_empty() { "" } else { "," };
        self.settings += &format!("{comma}{key}={value}");
        self
    }

    pub(crate) fn to_c(&self) -> Result<CString> {
        CString::new(self.to_string()).map_err(|_| Error::invalid("the spec holds a NUL character"))
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if self.settings.is_empty() {
            return Ok(());
        }
        write!(f, "({})", self.settings)
    }
}

impl From<&str> for Spec {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Spec {
    fn from(name: String) -> Self {
        Self {
            name,
            settings: String::new(),
        }
    }
}

impl From<&String> for Spec {
    fn from(text: &String) -> Self {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        kinds, Context, Distribution, Error, Kind, Quantity, Rng, Sampler, Schedule, Spec,
        TensorMut,
    };

    fn same<T: std::fmt::Debug>(
        what: &str,
        specs: Vec<Spec>,
        make: impl Fn(Spec) -> Result<T, Error>,
    ) {
        for spec in specs {
            let plain = make(Spec::new(&spec.name));
            match (make(spec.clone()), plain) {
                (Ok(typed), Ok(plain)) => {
                    // As text, for some coefficients are NaN.
                    assert_eq!(format!("{typed:?}"), format!("{plain:?}"), "{what} {spec}");
                }
                (Err(typed), Err(plain)) => {
                    // Not without a table, a closure or a discrete schedule, with or without settings.
                    assert_eq!(typed.message(), plain.message(), "{what} {spec}");
                    assert_ne!(typed.kind(), Kind::NotFound, "{what} {spec}: {typed}");
                }
                (typed, plain) => panic!("{what} {spec}: {typed:?}, but {plain:?}"),
            }
        }
    }

    #[test]
    fn typed_constructors_with_their_defaults_make_what_the_name_alone_makes() {
        let (context, vp) = (Context::new().unwrap(), Schedule::new("vp").unwrap());
        same("schedule", kinds::schedules::defaults(), |spec| {
            let schedule = Schedule::new(spec)?;
            let info = schedule.info()?;
            Ok((
                info.t_noise,
                schedule.at(0.5 * (info.t_noise + info.t_data))?,
            ))
        });
        same("grid", kinds::grids::defaults(), |spec| vp.grid(spec, 6));
        same("weight", kinds::weights::defaults(), |spec| {
            vp.weigh(spec, &[0.5])
        });
        same("density", kinds::densities::defaults(), |spec| {
            let mut times = [0f64; 3];
            let mut out = TensorMut::new(&mut times, &[3])?;
            context.random_times(&vp, spec, &[Rng::new(1)], &mut out)?;
            Ok(times)
        });
        same("generator", kinds::generators::defaults(), |spec| {
            let (mut rngs, mut numbers) = ([Rng::new(1)], [0f32; 20]);
            let mut out = TensorMut::new(&mut numbers, &[20])?;
            context.random_generate(spec, Distribution::Normal, &mut rngs, &mut out)?;
            Ok((rngs, numbers))
        });
        same("sampler", kinds::samplers::defaults(), |spec| {
            let builder = Sampler::builder(spec).predicts(Quantity::Data).steps(3);
            let sampler = builder.rng(Rng::new(1)).build(&context, &vp)?;
            sampler.save()
        });
    }

    #[test]
    fn a_spec_holds_no_nul() {
        let error = Schedule::new("cosine\0").unwrap_err();
        assert_eq!(error.kind(), Kind::InvalidArgument);
    }
}
