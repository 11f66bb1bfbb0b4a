// SPDX-License-Identifier: Apache-2.0
#include "core/catalog.hpp"

#include <algorithm>
#include <iterator>
#include <string>

#include "core/density.hpp"
#include "core/error.hpp"
#include "core/generator.hpp"
#include "core/grid.hpp"
#include "core/sampler_kind.hpp"
#include "core/schedule.hpp"
#include "core/weight.hpp"

namespace noisewright {

// One line a kind: what is not here does not exist.
extern const ScheduleKind kLinear, kCosine, kVp, kVe, kEdm, kDdpm, kTable, kCustom, kTrigonometric,
    kPower, kEdmRho, kDecay, kPolar, kPolarSwap, kPolynomial, kMirror;
extern const ScheduleKind kAzulaVp, kAzulaCosine, kAzulaRectified, kAzulaVe, kDiffusionLabFlow,
    kGenSbiScoreVp, kGenSbiScoreVe, kGenSbiFlowVp, kGenSbiEdmVe, kTorchEbmLinear, kTorchEbmCosine,
    kTorchEbmVp, kAlbergoTrig, kAlbergoEncodeDecode, kNamiSeed;
extern const ScheduleKind kFlow, kEdmLevels, kWuerstchen, kVDenoiser;
extern const GridKind kUniform, kLogsnr, kKarras, kExponential, kLeading, kTrailing, kLinspace,
    kMultistepLeading, kMultistepLinspace, kNormal, kSgmUniform, kSimple, kFromTop, kDdimUniform,
    kLcm, kBetaGrid, kSmoothstep, kPeerKarrasGrid, kPeerExponential, kPolyexponential, kBetaSigma,
    kKlOptimal, kLaplaceGrid, kLinearQuadratic, kBongTangent, kAys, kGits, kTimeQuadratic,
    kSineSquared, kFlowGrid, kLogitNormalGrid;
extern const WeightKind kWeightDiffusion, kWeightSnr, kWeightEdm, kWeightVelocity,
    kWeightLikelihood, kWeightSignal, kWeightEqm, kWeightMinSnr, kWeightSoftMinSnr, kWeightKSnr,
    kWeightSigmaSqrt, kWeightCosmap;
extern const DensityKind kDensityUniform, kDensityLogitNormal, kDensityLogNormal,
    kDensityLogUniform, kDensityMode, kDensityLogLogistic, kDensityVDiffusion,
    kDensityCosineInterpolated, kDensitySplitLogNormal;
extern const GeneratorKind kPhilox, kTorchCpu, kTorchCuda, kBrownian, kTorchSde, kCurandXorwow,
    kCurandPhilox, kCurandSobol;
extern const SamplerKind kEuler, kHeun, kDdim, kDdpmSampler, kDpmpp2m, kRk4, kEulerMaruyama,
    kStochasticHeun, kEdmSampler, kIto, kPc, kZab, kVab, kZeab, kXeab, kReab, kEulerAncestral, kLms,
    kIpndm, kPndm, kDeis, kDpmpp3m, kDpmpp2mSde, kDpmpp3mSde, kDpmSolver, kResMultistep, kUnipc,
    kSaSolver, kGradientEstimation, kDpm2, kDpmpp2s, kDpmSinglestep, kDpmFast, kDpmppSde, kSeeds2,
    kSeeds3, kRes2s, kErSde, kHeunpp2, kLcmSampler, kTcd, kConsistencySampler, kMidpoint, kHeun3,
    kKutta38, kBogackiShampine, kDormandPrince, kDpmAdaptive, kBosh3, kDopri5, kRestart, kAzulaDdim,
    kLateChurn, kDpmpp2mV2;

namespace {

const Entry* const kSchedules[] = {&kLinear,
                                   &kTrigonometric,
                                   &kCosine,
                                   &kVp,
                                   &kVe,
                                   &kPower,
                                   &kEdm,
                                   &kEdmRho,
                                   &kDecay,
                                   &kPolar,
                                   &kPolarSwap,
                                   &kPolynomial,
                                   &kMirror,
                                   &kDdpm,
                                   &kTable,
                                   &kCustom,
                                   &kAzulaVp,
                                   &kAzulaCosine,
                                   &kAzulaRectified,
                                   &kAzulaVe,
                                   &kDiffusionLabFlow,
                                   &kGenSbiScoreVp,
                                   &kGenSbiScoreVe,
                                   &kGenSbiFlowVp,
                                   &kGenSbiEdmVe,
                                   &kTorchEbmLinear,
                                   &kTorchEbmCosine,
                                   &kTorchEbmVp,
                                   &kAlbergoTrig,
                                   &kAlbergoEncodeDecode,
                                   &kNamiSeed,
                                   &kFlow,
                                   &kEdmLevels,
                                   &kWuerstchen,
                                   &kVDenoiser};
const Entry* const kGrids[] = {&kUniform,
                               &kLogsnr,
                               &kKarras,
                               &kExponential,
                               &kLeading,
                               &kTrailing,
                               &kLinspace,
                               &kMultistepLeading,
                               &kMultistepLinspace,
                               &kNormal,
                               &kSgmUniform,
                               &kSimple,
                               &kFromTop,
                               &kDdimUniform,
                               &kLcm,
                               &kBetaGrid,
                               &kSmoothstep,
                               &kPeerKarrasGrid,
                               &kPeerExponential,
                               &kPolyexponential,
                               &kBetaSigma,
                               &kKlOptimal,
                               &kLaplaceGrid,
                               &kLinearQuadratic,
                               &kBongTangent,
                               &kAys,
                               &kGits,
                               &kTimeQuadratic,
                               &kSineSquared,
                               &kFlowGrid,
                               &kLogitNormalGrid};
const Entry* const kSamplers[] = {&kEuler,
                                  &kHeun,
                                  &kDdim,
                                  &kDdpmSampler,
                                  &kDpmpp2m,
                                  &kRk4,
                                  &kEulerMaruyama,
                                  &kStochasticHeun,
                                  &kEdmSampler,
                                  &kIto,
                                  &kPc,
                                  &kZab,
                                  &kVab,
                                  &kZeab,
                                  &kXeab,
                                  &kReab,
                                  &kEulerAncestral,
                                  &kLms,
                                  &kIpndm,
                                  &kPndm,
                                  &kDeis,
                                  &kDpmpp3m,
                                  &kDpmpp2mSde,
                                  &kDpmpp3mSde,
                                  &kDpmSolver,
                                  &kResMultistep,
                                  &kUnipc,
                                  &kSaSolver,
                                  &kGradientEstimation,
                                  &kDpm2,
                                  &kDpmpp2s,
                                  &kDpmSinglestep,
                                  &kDpmFast,
                                  &kDpmppSde,
                                  &kSeeds2,
                                  &kSeeds3,
                                  &kRes2s,
                                  &kErSde,
                                  &kHeunpp2,
                                  &kLcmSampler,
                                  &kTcd,
                                  &kConsistencySampler,
                                  &kMidpoint,
                                  &kHeun3,
                                  &kKutta38,
                                  &kBogackiShampine,
                                  &kDormandPrince,
                                  &kDpmAdaptive,
                                  &kBosh3,
                                  &kDopri5,
                                  &kRestart,
                                  &kAzulaDdim,
                                  &kLateChurn,
                                  &kDpmpp2mV2};

const Entry* const kWeights[] = {&kWeightDiffusion, &kWeightSnr,        &kWeightEdm,
                                 &kWeightVelocity,  &kWeightLikelihood, &kWeightSignal,
                                 &kWeightEqm,       &kWeightMinSnr,     &kWeightSoftMinSnr,
                                 &kWeightKSnr,      &kWeightSigmaSqrt,  &kWeightCosmap};
const Entry* const kDensities[] = {
    &kDensityUniform,       &kDensityLogitNormal, &kDensityLogNormal,  &kDensityLogUniform,
    &kDensityMode,          &kDensityLogLogistic, &kDensityVDiffusion, &kDensityCosineInterpolated,
    &kDensitySplitLogNormal};

const Entry* const kGenerators[] = {&kPhilox,   &kTorchCpu,     &kTorchCuda,    &kBrownian,
                                    &kTorchSde, &kCurandXorwow, &kCurandPhilox, &kCurandSobol};

constexpr Entry kStatuses[] = {
    {NWR_OK, "ok", "", "success"},
    {NWR_DONE, "done", "", "the sampler needs no further evaluation"},
    {NWR_CANCELLED, "cancelled", "", "stopped because a callback or another thread asked"},
    {NWR_ERROR_INVALID_ARGUMENT, "invalid-argument", "", "an argument is wrong whatever the state"},
    {NWR_ERROR_INVALID_STATE, "invalid-state", "", "the call is out of order for this handle"},
    {NWR_ERROR_NOT_FOUND, "not-found", "", "no entry has that name"},
    {NWR_ERROR_UNSUPPORTED, "unsupported", "", "right, but not in this build, version or device"},
    {NWR_ERROR_OUT_OF_MEMORY, "out-of-memory", "", "an allocation failed"},
    {NWR_ERROR_BUFFER_TOO_SMALL, "buffer-too-small", "", "the needed size has been written"},
    {NWR_ERROR_BACKEND, "backend", "", "the device's plugin is absent or does not fit"},
    {NWR_ERROR_DEVICE, "device", "", "the device reported a failure"},
    {NWR_ERROR_SINGULAR, "singular", "", "the inputs do not determine the output at this time"},
    {NWR_ERROR_CALLBACK, "callback", "", "a callback returned a negative value"},
    {NWR_ERROR_CORRUPT, "corrupt", "", "saved bytes are damaged or from another version"},
    {NWR_ERROR_INTERNAL, "internal", "", "a defect in the library"}};
constexpr Entry kDtypes[] = {{NWR_F16, "f16", "float16,half", "IEEE binary16"},
                             {NWR_F32, "f32", "float32,float", "IEEE binary32"},
                             {NWR_F64, "f64", "float64,double", "IEEE binary64"},
                             {NWR_BF16, "bf16", "bfloat16", "the upper half of a binary32"},
                             {NWR_I64, "i64", "int64", "integers; for copies only"}};
constexpr Entry kDevices[] = {{NWR_CPU, "cpu", "", "ordinary memory"},
                              {NWR_CUDA, "cuda", "", "memory of an NVIDIA GPU"},
                              {NWR_CUDA_HOST, "cuda-host", "", "ordinary memory pinned by CUDA"},
                              {NWR_CUDA_MANAGED, "cuda-managed", "", "memory that CUDA migrates"}};
constexpr Entry kQuantities[] = {
    {NWR_STATE, "state", "x", "x_t itself"},
    {NWR_DATA, "data", "x0,sample,denoised", "the clean end"},
    {NWR_NOISE, "noise", "epsilon,eps", "the other end"},
    {NWR_LATENT, "latent", "z,paper.eta", "the third leg, where gamma is not 0"},
    {NWR_VELOCITY, "velocity", "flow", "dx_t/dt"},
    {NWR_SCORE, "score", "", "gradient of the log density"},
    {NWR_ANGULAR, "angular", "v,v_prediction", "alpha*noise - sigma*data"},
    {NWR_DRIFT, "drift", "markovization", "drift of the SDE of these marginals that runs to data"},
    {NWR_NEGATIVE_LATENT, "negative-latent", "eta,nami.eta,albergo.eta",
     "minus the latent, which some code calls eta"},
    {NWR_PATH_VELOCITY, "path-velocity", "", "velocity without the third leg"},
    {NWR_MIRROR_VELOCITY, "mirror-velocity", "", "-gamma gamma' score: the third leg's velocity"},
    {NWR_FORWARD_DRIFT, "forward-drift", "",
     "drift of the SDE of these marginals that runs to noise"},
    {NWR_PRECONDITIONED, "preconditioned", "edm,karras", "F of EDM's preconditioning"},
    {NWR_NAMI_DRIFT, "nami-drift", "nami.drift",
     "path velocity + gamma gamma' score, as nami before 0.1.0; not the transport"},
    {NWR_NAMI_MIRROR, "nami-mirror", "nami.mirror", "+gamma gamma' score: nami's mirror velocity"}};
constexpr Entry kClocks[] = {{NWR_CLOCK_T, "t", "", "the schedule's own time"},
                             {NWR_CLOCK_INDEX, "index", "", "the index of a discrete schedule"},
                             {NWR_CLOCK_SIGMA, "sigma", "", "sigma/alpha"},
                             {NWR_CLOCK_LOGSNR, "logsnr", "", "2*log(alpha/sigma)"},
                             {NWR_CLOCK_LOG_SIGMA, "log-sigma", "", "log(sigma/alpha)"},
                             {NWR_CLOCK_EDM, "edm", "", "log(sigma/alpha)/4"}};
constexpr Entry kDistributions[] = {
    {NWR_NORMAL, "normal", "gaussian", "mean 0, variance 1", NWR_ENTRY_STOCHASTIC},
    {NWR_UNIFORM, "uniform", "", "between 0 and 1, both excluded", NWR_ENTRY_STOCHASTIC}};
constexpr Entry kStarts[] = {
    {NWR_START_PRIOR, "prior", "", "fill x with the schedule's noise", NWR_ENTRY_STOCHASTIC},
    {NWR_START_STATE, "state", "", "x is already a state at the first time"},
    {NWR_START_DATA, "data", "", "x is clean: noise it to the first time", NWR_ENTRY_STOCHASTIC},
    {NWR_START_UNIT, "unit", "", "fill x with unit normals", NWR_ENTRY_STOCHASTIC}};

constexpr Entry kStrengths[] = {
    {NWR_STRENGTH_FLOOR, "floor", "sd", "the whole part of strength*steps is run"},
    {NWR_STRENGTH_CEIL, "ceil", "sd3,flux",
     "the whole part of steps - strength*steps is left out"}};

struct Domain {
  const char* noun;
  const Entry* entries;       // a plain array, or
  const Entry* const* kinds;  // pointers to entries that carry more
  size_t size;
  Presets (*presets)() = nullptr;
};
template <size_t kSize>
constexpr Domain plain(const char* noun, const Entry (&entries)[kSize]) {
  return {noun, entries, nullptr, kSize};
}
template <size_t kSize>
constexpr Domain kinds(const char* noun, const Entry* const (&entries)[kSize],
                       Presets (*presets)() = nullptr) {
  return {noun, nullptr, entries, kSize, presets};
}

// Indexed by nwr_domain.
constexpr Domain kDomains[] = {plain("status", kStatuses),
                               plain("dtype", kDtypes),
                               plain("device", kDevices),
                               plain("quantity", kQuantities),
                               kinds("schedule", kSchedules, schedule_presets),
                               kinds("grid", kGrids, grid_presets),
                               kinds("sampler", kSamplers, sampler_presets),
                               plain("clock", kClocks),
                               plain("distribution", kDistributions),
                               plain("start", kStarts),
                               kinds("weight", kWeights),
                               kinds("density", kDensities),
                               plain("strength", kStrengths),
                               kinds("generator", kGenerators)};

const Domain* domain_of(int32_t domain) {
  if (domain < 0 || static_cast<size_t>(domain) >= std::size(kDomains)) return nullptr;
  return &kDomains[domain];
}

// Names with - and with _ are the same: Python's have the second.
bool same_name(std::string_view a, std::string_view b) {
  const auto plain = [](char c) { return c == '_' ? '-' : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [=](char x, char y) { return plain(x) == plain(y); });
}

bool has_name(const Entry& entry, std::string_view name) {
  bool found = same_name(name, entry.name);
  for_each_name(entry.aliases,
                [&](std::string_view alias) { found = found || same_name(alias, name); });
  return found;
}

}  // namespace

size_t catalog_size(int32_t domain) {
  const Domain* d = domain_of(domain);
  if (!d) return 0;
  return d->size + (d->presets ? d->presets().count : 0);
}

const Entry& catalog_entry(int32_t domain, size_t index) {
  const Domain* d = domain_of(domain);
  if (!d) fail(NWR_ERROR_NOT_FOUND, "domain ", domain, " does not exist");
  const size_t size = catalog_size(domain);
  if (index >= size) {
    fail(NWR_ERROR_NOT_FOUND, "index is ", index, ", but the ", d->noun, " domain has ", size,
         " entries");
  }
  if (index >= d->size) return d->presets().at(index - d->size);
  return d->kinds ? *d->kinds[index] : d->entries[index];
}

const Entry& find_by_name(int32_t domain, std::string_view name, const char* argument) {
  const Domain* d = domain_of(domain);
  if (!d) fail(NWR_ERROR_NOT_FOUND, "domain ", domain, " does not exist");
  std::string known;
  for (size_t i = 0; i < catalog_size(domain); ++i) {
    const Entry& entry = catalog_entry(domain, i);
    if (has_name(entry, name)) return entry;
    append(known, i ? ", " : "");
    append(known, entry.name);
  }
  fail(NWR_ERROR_NOT_FOUND, argument, ": no ", d->noun, " is named '", name, "' (there are ", known,
       ")");
}

const Entry& find_by_value(int32_t domain, int32_t value, const Name& argument) {
  const size_t size = catalog_size(domain);
  // Most domains count from 0: the entry stands where its value says.
  const size_t first = static_cast<uint32_t>(value) < size ? static_cast<uint32_t>(value) : 0;
  for (size_t i = 0; i < size; ++i) {
    const Entry& entry = catalog_entry(domain, (first + i) % size);
    if (entry.value == value) return entry;
  }
  fail(NWR_ERROR_INVALID_ARGUMENT, argument, " is ", value, ", which is no ",
       kDomains[domain].noun);
}

const char* name_of(int32_t domain, int32_t value) {
  return find_by_value(domain, value, {"value"}).name;
}

}  // namespace noisewright
