/* SPDX-License-Identifier: Apache-2.0
 *
 * noisewright.h - stochastic interpolants and diffusion: schedules, transforms, samplers.
 *
 * The whole library is three handles and four verbs.
 *
 *   nwr_context    where work runs: device, stream, threads, allocator   immutable, shareable
 *   nwr_schedule   x_t = alpha(t)*data + sigma(t)*noise + gamma(t)*latent  immutable, shareable
 *   nwr_sampler    one run through time                                 one thread at a time
 *
 *   transform   turn quantities you know at time t into quantities you want
 *   step        hand the sampler a model output; it moves your state in place
 *   fill        write random numbers, or a grid of times
 *   copy        move tensors between devices
 *
 * Rules that hold for every function in this file
 *   Errors      Fallible functions return nwr_status: 0 is success, positive is news that is not
 *               an error, negative is an error; nwr_last_error() then says why, on this thread.
 *               When a call fails no output parameter has been written and no tensor is changed,
 *               unless the function says otherwise. No exception or signal crosses this interface.
 *   Ownership   x_create writes a handle that you release with x_destroy, in any order: objects
 *               keep what they use alive. x_destroy accepts NULL. Nothing else needs freeing.
 *   Borrowing   Every pointer you pass is read or written before the call returns, or, for tensor
 *               data on a GPU, in stream order; nothing you pass is kept unless it says 'kept'.
 *   Strings     UTF-8, NUL-terminated. Strings you receive live as long as the handle they came
 *               from, or forever if they came from no handle.
 *   Threads     A function may run concurrently with any other on the handles that it takes as
 *               pointers to const; a handle taken as a pointer to non-const must not be in use
 *               elsewhere. Callbacks run on the calling thread, before the call returns, and must
 *               return: they never throw, panic or jump through the library.
 *   Structs     Structs that begin with struct_size can grow. Zero every byte, set struct_size to
 *               sizeof of the struct, then set what you need: zero always means the default.
 *   Enums       Every enum is exactly int32_t and open: expect values that you do not know.
 *   Names       What an enum can choose, a name can too: a spec string, "name" or
 *               "name(key=value,...)", as the catalogue lists them. A name wins over the enum.
 *               Numbers are written as in C, whatever the locale; some keys take words.
 *   Tensors     Axis 0 is the batch, whose entries are called samples. Any strides do; f16, bf16
 *               and f32 are computed in f32, anything with f64 in f64, each result rounded once.
 *               Outputs may be inputs if both are exactly the same view; any other overlap that
 *               can be seen is refused, and so is a tensor without elements.
 *   Bits        Results do not depend on threads, instruction set or strides; random numbers of
 *               one generator a sample do not depend on how samples are batched.
 */
#ifndef NWR_H
#define NWR_H

#include <stddef.h>
#include <stdint.h>

#define NWR_VERSION_MAJOR 0
#define NWR_VERSION_MINOR 1
#define NWR_VERSION_PATCH 0
#define NWR_ABI 0

#if defined(NWR_STATIC)
#  define NWR_API
#elif defined(_WIN32)
#  if defined(NWR_BUILDING)
#    define NWR_API __declspec(dllexport)
#  else
#    define NWR_API __declspec(dllimport)
#  endif
#else
#  define NWR_API __attribute__((visibility("default")))
#endif

#if defined(__cplusplus) || (defined(__STDC_VERSION__) && __STDC_VERSION__ >= 202311L)
#  define NWR_INT32 : int32_t
#else
#  define NWR_INT32
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- status ------------------------------------------------------------------------------- */

/** Outcome of a call. Negative values are errors. */
typedef enum nwr_status NWR_INT32 {
  NWR_OK = 0,
  /** The sampler needs no further evaluation. */
  NWR_DONE = 1,
  /** Stopped because a callback or another thread asked. */
  NWR_CANCELLED = 2,
  /** An argument is wrong whatever the state. */
  NWR_ERROR_INVALID_ARGUMENT = -1,
  /** The call is out of order for this handle. */
  NWR_ERROR_INVALID_STATE = -2,
  /** No entry has that name. */
  NWR_ERROR_NOT_FOUND = -3,
  /** Right, but not in this build, version or device. */
  NWR_ERROR_UNSUPPORTED = -4,
  NWR_ERROR_OUT_OF_MEMORY = -5,
  /** The needed size has been written. */
  NWR_ERROR_BUFFER_TOO_SMALL = -6,
  /** The device's plugin is absent or does not fit. */
  NWR_ERROR_BACKEND = -7,
  /** The device reported a failure, perhaps of earlier work. */
  NWR_ERROR_DEVICE = -8,
  /** The inputs do not determine the output at this time. */
  NWR_ERROR_SINGULAR = -9,
  /** Your callback returned a negative value. */
  NWR_ERROR_CALLBACK = -10,
  /** Saved bytes are damaged or from another version. */
  NWR_ERROR_CORRUPT = -11,
  /** A defect in the library. Please report it. */
  NWR_ERROR_INTERNAL = -12,
  NWR_STATUS_INT32_ = INT32_MIN
} nwr_status;

/** What went wrong in this thread's last failed call: never NULL, valid until its next call. */
NWR_API const char* nwr_last_error(void);

/** The version of the loaded library: major*1000000 + minor*1000 + patch. */
NWR_API uint32_t nwr_version(void);

/** The ABI of the loaded library. Equal to NWR_ABI, or this header does not fit it. */
NWR_API uint32_t nwr_abi(void);

/* ---- tensors ------------------------------------------------------------------------------ */

/** Element types. The value is the byte pattern of the equivalent DLDataType. */
typedef enum nwr_dtype NWR_INT32 {
  NWR_F16 = 0x00011002,
  NWR_F32 = 0x00012002,
  NWR_F64 = 0x00014002,
  NWR_BF16 = 0x00011004,
  NWR_I64 = 0x00014000,
  NWR_DTYPE_INT32_ = INT32_MIN
} nwr_dtype;

/** Memory spaces, numbered as DLPack numbers them. */
typedef enum nwr_device NWR_INT32 {
  NWR_CPU = 1,
  NWR_CUDA = 2,
  NWR_CUDA_HOST = 3,
  NWR_CUDA_MANAGED = 13,
  NWR_DEVICE_INT32_ = INT32_MIN
} nwr_device;

/** A view of an array that you own. Axis 0 is the batch. Byte for byte a DLTensor, and frozen. */
typedef struct nwr_tensor {
  void* data;
  nwr_device device;
  int32_t device_id;
  /** 0 is a scalar, which stands for every sample of a batch. */
  int32_t ndim;
  nwr_dtype dtype;
  const int64_t* shape;
  /** In elements. NULL is dense, last axis fastest. */
  const int64_t* strides;
  uint64_t byte_offset;
} nwr_tensor;

/* ---- catalogue ---------------------------------------------------------------------------- */

/** The kinds of named thing that the library can list. */
typedef enum nwr_domain NWR_INT32 {
  NWR_DOMAIN_STATUS = 0,
  NWR_DOMAIN_DTYPE = 1,
  NWR_DOMAIN_DEVICE = 2,
  NWR_DOMAIN_QUANTITY = 3,
  NWR_DOMAIN_SCHEDULE = 4,
  NWR_DOMAIN_GRID = 5,
  NWR_DOMAIN_SAMPLER = 6,
  NWR_DOMAIN_CLOCK = 7,
  NWR_DOMAIN_DISTRIBUTION = 8,
  NWR_DOMAIN_START = 9,
  NWR_DOMAIN_WEIGHT = 10,
  NWR_DOMAIN_DENSITY = 11,
  NWR_DOMAIN_STRENGTH = 12,
  /** Sources of random numbers, which have names only. */
  NWR_DOMAIN_GENERATOR = 13,
  NWR_DOMAIN_INT32_ = INT32_MIN
} nwr_domain;

/** Bits of nwr_entry.flags. */
typedef enum nwr_entry_flags NWR_INT32 {
  /** Consumes random numbers. */
  NWR_ENTRY_STOCHASTIC = 1,
  /** The number of evaluations is not known in advance. */
  NWR_ENTRY_ADAPTIVE = 2,
  /** Usable in this process, plugins considered. */
  NWR_ENTRY_AVAILABLE = 4,
  NWR_ENTRY_FLAGS_INT32_ = INT32_MIN
} nwr_entry_flags;

/** One named thing. */
typedef struct nwr_entry {
  uint32_t struct_size;
  /** The enum constant. */
  int32_t value;
  /** Lower case, stable: what config files say. */
  const char* name;
  const char* summary;
  nwr_entry_flags flags;
  uint32_t param_count;
  /** Samplers: order of accuracy; else 0. */
  uint32_t order;
  uint32_t evals_per_step;
} nwr_entry;

/** One named parameter of an entry. */
typedef struct nwr_param_info {
  uint32_t struct_size;
  uint32_t reserved;
  const char* name;
  const char* summary;
  double default_value, min, max;
  /** Names of the values 0, 1, 2 ... that a spec string may write, as "small,large"; or NULL. */
  const char* choices;
} nwr_param_info;

/** How many entries a domain has; 0 for a domain that this version does not know. */
NWR_API size_t nwr_catalog_size(nwr_domain domain);
/** Writes entry index of a domain. NWR_ERROR_NOT_FOUND past the last one. */
NWR_API nwr_status nwr_catalog_entry(nwr_domain domain, size_t index, nwr_entry* out);
/** Writes setting param, counted from 0, of an entry. NWR_ERROR_NOT_FOUND past the last one. */
NWR_API nwr_status nwr_catalog_param(nwr_domain domain, size_t index, size_t param,
                                     nwr_param_info* out);
/** The enum constant that a name, or one of its aliases, stands for. NWR_ERROR_NOT_FOUND lists the
 *  names that there are. */
NWR_API nwr_status nwr_catalog_find(nwr_domain domain, const char* name, int32_t* out);

/** A named value: the extra settings of one kind of schedule, grid or sampler. */
typedef struct nwr_param {
  const char* name;
  double value;
} nwr_param;

/* ---- context ------------------------------------------------------------------------------ */

typedef struct nwr_context nwr_context;

/** Returns memory, aligned as asked, or NULL. May be called from any thread that calls the library.
 *  stream is the one that the memory will be used on, NULL on the CPU. */
typedef void* (*nwr_alloc_fn)(void* user, size_t bytes, size_t align, nwr_device device,
                              void* stream);
/** Takes back what the allocator returned, with the size that was asked for. */
typedef void (*nwr_free_fn)(void* user, void* memory, size_t bytes, nwr_device device,
                            void* stream);

/** Where work runs. All zero: the CPU with one thread per core and the C library's allocator. */
typedef struct nwr_context_options {
  uint32_t struct_size;
  /** Must be 0. */
  uint32_t flags;
  /** 0 is NWR_CPU. */
  nwr_device device;
  int32_t device_id;
  /** A cudaStream_t, kept. NULL makes one. 1, 2: CUDA's legacy, per-thread. */
  void* stream;
  /** CPU threads; 0 is one per core. Never changes a result. */
  uint32_t threads;
  uint32_t reserved;
  /** File of the device's plugin; NULL searches $NWR_CUDA_PLUGIN, the folder of this library and
   *  the loader's path. */
  const char* plugin;
  /** Kept, with free and user, until the last user of the context ends. */
  nwr_alloc_fn alloc;
  nwr_free_fn free;
  void* user;
} nwr_context_options;

/** Makes a context; options may be NULL. NWR_ERROR_BACKEND if the device has no plugin here.
 * Threads are started by the first call that is large enough to share. */
NWR_API nwr_status nwr_context_create(const nwr_context_options* options, nwr_context** out);
NWR_API void nwr_context_destroy(nwr_context* context);
/** Waits for all work queued through this context and reports its errors. */
NWR_API nwr_status nwr_context_synchronize(const nwr_context* context);

/** Memory on the context's device, aligned to 64 bytes, for callers that have no other source of
 * it. It ends with nwr_memory_free or with the context. */
NWR_API nwr_status nwr_memory_alloc(const nwr_context* context, size_t bytes, void** out);
/** Ends memory of nwr_memory_alloc of the same context; NULL does nothing. */
NWR_API void nwr_memory_free(const nwr_context* context, void* memory);
/** Copies between devices, dtypes and strides. Shapes must match. Same dtypes are copied bit by
 * bit; otherwise values are rounded to nearest even. i64 is only copied to i64. */
NWR_API nwr_status nwr_tensor_copy(const nwr_context* context, const nwr_tensor* from,
                                   const nwr_tensor* to);

/* ---- random numbers ----------------------------------------------------------------------- */

/** A position in a Philox4x32-10 stream: a value, not an object. Equal on every device. Counters
 * are laid out as by curand_init(seed, stream, offset). */
typedef struct nwr_rng {
  uint64_t seed;
  uint64_t stream;
  /** In elements. */
  uint64_t offset;
} nwr_rng;

/** What random numbers are distributed as. */
typedef enum nwr_distribution NWR_INT32 {
  /** Mean 0, variance 1; the same f32 numbers whatever the dtype, rounded or widened to it. */
  NWR_NORMAL = 0,
  /** Between 0 and 1, both excluded; 2^23 values, in f64 2^32. */
  NWR_UNIFORM = 1,
  NWR_DISTRIBUTION_INT32_ = INT32_MIN
} nwr_distribution;

/** Fills a tensor. rng_count is 1, which numbers all elements in row-major order from its offset
 * on, or the batch size, each numbering the elements of its own sample. rngs are not advanced: add
 * what you used to offset. Philox: Salmon et al. 2011; normals by Box and Muller. */
NWR_API nwr_status nwr_random_fill(const nwr_context* context, nwr_distribution what,
                                   const nwr_rng* rngs, size_t rng_count, const nwr_tensor* out);

/** Which numbers, of which generator. */
typedef struct nwr_random_options {
  uint32_t struct_size;
  /** Must be 0. */
  uint32_t flags;
  nwr_distribution what;
  uint32_t param_count;
  /** A spec string of the domain generator, "torch-cuda(multiprocessors=132)"; NULL is philox. */
  const char* name;
  const nwr_param* params;
  /** brownian and torchsde: the levels sigma/alpha, 0 to infinity, between which the path moves;
   * the normals are its increment from one to the other, over the root of the length. Equal ones
   * ask for normals that belong to no path. */
  double from_level, to_level;
} nwr_random_options;

/** Fills a tensor as nwr_random_fill does, from any generator, and moves rngs on, so that calls
 *  continue each other: the position is all in the rng. With rng_count 1 the tensor is one draw,
 *  else each sample is one. What an rng means: docs/noise.md. philox, brownian: seed, stream,
 *  offset in elements; a path is that of seed and stream and takes nothing from offset. torch-cpu:
 *  the seed, offset in words, stream for the normal that a draw of fewer than 16 leaves over, 0
 *  when none. torch-cuda: the seed and PyTorch's offset. torchsde: the seed is its entropy, the
 *  rest torch-cpu's. PyTorch's numbers are those of a tensor of out's dtype, its uniforms include
 *  0. NWR_ERROR_UNSUPPORTED for curand-... off CUDA and for uniforms of a path. Does not wait on
 *  the CPU; on CUDA the generators that run on the host, and cuRAND's, wait for the stream. */
NWR_API nwr_status nwr_random_generate(const nwr_context* context,
                                       const nwr_random_options* options, nwr_rng* rngs,
                                       size_t rng_count, const nwr_tensor* out);

/* ---- schedules ---------------------------------------------------------------------------- */

typedef struct nwr_schedule nwr_schedule;

/** Values from 1000 on are entries that have names only, such as those of other libraries. */
typedef enum nwr_schedule_kind NWR_INT32 {
  /** alpha = t, sigma = 1-t: rectified flow. */
  NWR_SCHEDULE_LINEAR = 0,
  /** Variance preserving, squared cosine. */
  NWR_SCHEDULE_COSINE = 1,
  /** Variance preserving, linear beta. */
  NWR_SCHEDULE_VP = 2,
  /** alpha = 1, sigma = t. */
  NWR_SCHEDULE_EDM = 3,
  NWR_SCHEDULE_CUSTOM = 4,
  /** A discrete table of alpha_bar or of betas that you give. */
  NWR_SCHEDULE_TABLE = 5,
  /** alpha = 1, sigma geometric in t. */
  NWR_SCHEDULE_VE = 6,
  /** A discrete table made from a formula for beta: DDPM and its kin. */
  NWR_SCHEDULE_DDPM = 7,
  /** alpha = cos, sigma = sin: the trigonometric interpolant. */
  NWR_SCHEDULE_TRIGONOMETRIC = 8,
  /** alpha = 1, sigma = t^power. */
  NWR_SCHEDULE_POWER = 9,
  /** alpha = 1, sigma = Karras's grid, with its parameter as t. */
  NWR_SCHEDULE_EDM_RHO = 10,
  /** Linear in a decaying exponential of t. */
  NWR_SCHEDULE_DECAY = 11,
  /** Variance preserving, sigma = t. */
  NWR_SCHEDULE_POLAR = 12,
  /** Variance preserving, alpha = t. */
  NWR_SCHEDULE_POLAR_SWAP = 13,
  /** alpha = t^n, sigma = 1 - t^n. */
  NWR_SCHEDULE_POLYNOMIAL = 14,
  /** alpha = 1, sigma = 0: data and latent alone. */
  NWR_SCHEDULE_MIRROR = 15,
  NWR_SCHEDULE_KIND_INT32_ = INT32_MIN
} nwr_schedule_kind;

/** The coefficients at one time, each in closed form, with derivatives in t. Frozen. */
typedef struct nwr_coeffs {
  double alpha, sigma, gamma;
  double dalpha, dsigma;
  /** gamma * dgamma/dt, which stays finite where dgamma does not. */
  double gamma_dgamma;
  /** log(alpha), and its derivative: the drift f of the forward SDE. */
  double log_alpha, dlog_alpha;
  /** log(alpha/sigma), half the log-SNR. */
  double lambda;
  /** The forward SDE's squared diffusion g^2 = 2 sigma^2 |dlambda/dt|. */
  double diffusion2;
} nwr_coeffs;

/** Writes the coefficients at t: alpha, sigma >= 0 and finite. gamma and gamma_dgamma come in as 0,
 *  the rest as NaN: what you leave is derived from alpha and sigma, derivatives by differences.
 *  Returns 0, or a negative value to fail. May be called from several threads at once. */
typedef int32_t (*nwr_coeffs_fn)(void* user, double t, nwr_coeffs* out);
/** Told once, when the library needs user no longer. May be called from any thread. */
typedef void (*nwr_release_fn)(void* user);

/** Which schedule. All zero: linear, the rectified flow. */
typedef struct nwr_schedule_options {
  uint32_t struct_size;
  uint32_t flags;
  /** Used when name is NULL. */
  nwr_schedule_kind kind;
  uint32_t param_count;
  /** "cosine", or with settings "cosine(s=0.008)". */
  const char* name;
  const nwr_param* params;
  /** Custom: the ends of time. Both 0 is 0 and 1. */
  double t_noise, t_data;
  /** Table: alpha_bar of each index, falling, or with the setting betas=yes its betas; copied. */
  const double* table;
  size_t table_count;
  /** Custom: kept, and called on threads that call the library. */
  nwr_coeffs_fn coeffs;
  /** Called once with user when the schedule is gone. */
  nwr_release_fn release;
  void* user;
} nwr_schedule_options;

/** What a schedule is. */
typedef struct nwr_schedule_info {
  uint32_t struct_size;
  nwr_schedule_kind kind;
  /** Recreates this schedule when passed as options.name. */
  const char* spec;
  /** Sampling goes from the first to the second. */
  double t_noise, t_data;
} nwr_schedule_info;

/** Makes a schedule; options may be NULL. When it fails, release is not called. */
NWR_API nwr_status nwr_schedule_create(const nwr_schedule_options* options, nwr_schedule** out);
NWR_API void nwr_schedule_destroy(nwr_schedule* schedule);
/** Writes what the schedule is and between which times it runs. */
NWR_API nwr_status nwr_schedule_get_info(const nwr_schedule* schedule, nwr_schedule_info* out);
/** Evaluates at count times, each between the ends (edm: at any sigma from 0 on). Values that are
 *  infinite at an end, such as lambda where sigma is 0, are written as infinities. */
NWR_API nwr_status nwr_schedule_eval(const nwr_schedule* schedule, const double* times,
                                     size_t count, nwr_coeffs* out);
/** The times at which log(alpha/sigma) has given values; infinities stand for ends that reach them.
 *  out may be lambdas. NWR_ERROR_INVALID_ARGUMENT for values that the schedule never has. */
NWR_API nwr_status nwr_schedule_invert(const nwr_schedule* schedule, const double* lambdas,
                                       size_t count, double* out);

/** Functions of a schedule: amounts of diffusion, weights of losses. Values from 1000 on are
 * entries that have names only. */
typedef enum nwr_weight_kind NWR_INT32 {
  /** w^2 of an SDE with the schedule's marginals: g^2 of the forward SDE and other forms. */
  NWR_WEIGHT_DIFFUSION = 0,
  /** min(snr^power + plus, most). */
  NWR_WEIGHT_SNR = 1,
  /** That of EDM's preconditioned loss. */
  NWR_WEIGHT_EDM = 2,
  /** (g^2/(2 sigma))^2. */
  NWR_WEIGHT_VELOCITY = 3,
  /** g^2/(2 sigma^2). */
  NWR_WEIGHT_LIKELIHOOD = 4,
  /** alpha^2. */
  NWR_WEIGHT_SIGNAL = 5,
  /** Truncated decay towards data. */
  NWR_WEIGHT_EQM = 6,
  NWR_WEIGHT_KIND_INT32_ = INT32_MIN
} nwr_weight_kind;

/** Which function of the schedule. All zero: diffusion, the forward SDE's g^2. */
typedef struct nwr_weight_options {
  uint32_t struct_size;
  uint32_t flags;
  nwr_weight_kind kind;
  uint32_t param_count;
  /** "diffusion(form=sigma,norm=0.5)". */
  const char* name;
  const nwr_param* params;
} nwr_weight_options;

/** Writes a named function of the schedule at count times: an amount of diffusion w^2 = g^2 = 2D,
 *  for nwr_transform_apply, or the weight of a training loss. out may be times. NWR_ERROR_SINGULAR
 *  where it is infinite. Ma et al. 2401.08740 for the forms, Karras et al. 2206.00364 for edm. */
NWR_API nwr_status nwr_schedule_weigh(const nwr_schedule* schedule,
                                      const nwr_weight_options* options, const double* times,
                                      size_t count, double* out);

/** Densities that training times are drawn from. Values from 1000 on are entries that have names
 * only. */
typedef enum nwr_density_kind NWR_INT32 {
  /** Even in t. */
  NWR_DENSITY_UNIFORM = 0,
  /** The fraction of the way to noise is the sigmoid of a normal. */
  NWR_DENSITY_LOGIT_NORMAL = 1,
  /** log(sigma/alpha) is normal. */
  NWR_DENSITY_LOG_NORMAL = 2,
  /** log(sigma/alpha) is uniform. */
  NWR_DENSITY_LOG_UNIFORM = 3,
  NWR_DENSITY_KIND_INT32_ = INT32_MIN
} nwr_density_kind;

/** Which density of times. All zero: uniform between the schedule's ends. */
typedef struct nwr_density_options {
  uint32_t struct_size;
  uint32_t flags;
  nwr_density_kind kind;
  uint32_t param_count;
  /** "uniform(begin=0.001,end=1)". */
  const char* name;
  const nwr_param* params;
} nwr_density_options;

/** Fills a tensor in ordinary memory with random times of the schedule, for training. rngs as in
 *  nwr_random_fill, one number a time. Where a density reaches beyond the schedule's ends, the end
 *  is taken. Karras et al. 2206.00364 for log-normal, Esser et al. 2403.03206 for logit-normal. */
NWR_API nwr_status nwr_random_times(const nwr_context* context, const nwr_schedule* schedule,
                                    const nwr_density_options* options, const nwr_rng* rngs,
                                    size_t rng_count, const nwr_tensor* out);

/** How the times of a run are spaced. Values from 1000 on are entries that have names only, such as
 *  those of other libraries. */
typedef enum nwr_grid_kind NWR_INT32 {
  /** Even in t. */
  NWR_GRID_UNIFORM = 0,
  /** Even in log(alpha/sigma). */
  NWR_GRID_LOGSNR = 1,
  /** Even in (sigma/alpha)^(1/rho). */
  NWR_GRID_KARRAS = 2,
  /** Even in log(sigma/alpha) between two noise levels. */
  NWR_GRID_EXPONENTIAL = 3,
  /** Discrete schedules: every (T/n)-th index from 0 up. */
  NWR_GRID_LEADING = 4,
  /** Discrete schedules: every (T/n)-th index from T-1 down. */
  NWR_GRID_TRAILING = 5,
  /** Discrete schedules: n indices from T-1 to 0. */
  NWR_GRID_LINSPACE = 6,
  NWR_GRID_KIND_INT32_ = INT32_MIN
} nwr_grid_kind;

/** Which grid. All zero: even in t between the schedule's ends. */
typedef struct nwr_grid_options {
  uint32_t struct_size;
  uint32_t flags;
  nwr_grid_kind kind;
  uint32_t param_count;
  const char* name;
  const nwr_param* params;
  /** Both 0 is the schedule's own ends. */
  double t_begin, t_end;
} nwr_grid_options;

/** Writes count times, first to last: one more than the steps, 2 or more. Grids in noise levels
 * begin at log(alpha/sigma) = -5.1 where the schedule's is -infinity; where it ends at sigma = 0,
 * the last time is that end and the one before it has sigma/alpha = 0.002 (discrete: index 0's). A
 * grid is just an array: make your own if you like. Karras et al. 2206.00364, eq. 5 for karras. */
NWR_API nwr_status nwr_grid_fill(const nwr_schedule* schedule, const nwr_grid_options* options,
                                 double* times, size_t count);

/** Where a run on part of a grid begins: what image-to-image calls strength. */
typedef enum nwr_strength NWR_INT32 {
  /** The whole part of strength*steps steps are run: Stable Diffusion. */
  NWR_STRENGTH_FLOOR = 0,
  /** The whole part of steps - strength*steps steps are left out: Stable Diffusion 3, FLUX. */
  NWR_STRENGTH_CEIL = 1,
  NWR_STRENGTH_INT32_ = INT32_MIN
} nwr_strength;

/** Writes the first step that is run, of steps that a grid has: give the sampler times + *out,
 *  time_count - *out of them, and start it with NWR_START_DATA. strength is from 0 to 1; *out may
 *  be steps, for nothing to run. The products are rounded as in Python: 0.3*10 has a whole part of
 *  3, 0.29*100 one of 28. */
NWR_API nwr_status nwr_grid_skip(nwr_strength rule, uint32_t steps, double strength, uint32_t* out);

/* ---- transforms --------------------------------------------------------------------------- */

/** Everything a model can predict or a solver can need, at one time t. */
typedef enum nwr_quantity NWR_INT32 {
  /** x_t itself. */
  NWR_STATE = 0,
  /** The clean end. */
  NWR_DATA = 1,
  /** The other end: epsilon, or the base sample. */
  NWR_NOISE = 2,
  /** The third leg, where gamma is not 0. */
  NWR_LATENT = 3,
  /** dx_t/dt. */
  NWR_VELOCITY = 4,
  /** Gradient of log density; needs a Gaussian noise or latent. */
  NWR_SCORE = 5,
  /** alpha*noise - sigma*data, known as v. */
  NWR_ANGULAR = 6,
  /** Drift of the SDE with these marginals that runs to data: velocity plus, where data lies at
   *  later times, w^2/2 score; else minus. */
  NWR_DRIFT = 7,
  /** Minus the latent: what nami and the code of Albergo et al. call eta. */
  NWR_NEGATIVE_LATENT = 8,
  /** Velocity without the third leg: alpha'*data + sigma'*noise. */
  NWR_PATH_VELOCITY = 9,
  /** The third leg's own velocity, gamma'*latent = -gamma*gamma'*score: that of a mirror
   *  interpolant. velocity = path velocity + mirror velocity. */
  NWR_MIRROR_VELOCITY = 10,
  /** Drift of the SDE with these marginals that runs to noise: velocity minus, where data lies at
   *  later times, w^2/2 score; else plus. */
  NWR_FORWARD_DRIFT = 11,
  /** The raw output F of a network with EDM's preconditioning (the setting sigma_data). */
  NWR_PRECONDITIONED = 12,
  /** path velocity + gamma*gamma'*score, as nami had it before 0.1.0. It moves no density: the
   *  transport is NWR_VELOCITY. */
  NWR_NAMI_DRIFT = 13,
  /** +gamma*gamma'*score, nami's mirror velocity: NWR_MIRROR_VELOCITY with time reversed. */
  NWR_NAMI_MIRROR = 14,
  NWR_QUANTITY_INT32_ = INT32_MIN
} nwr_quantity;

/** A quantity and where it stands. Frozen. */
typedef struct nwr_operand {
  nwr_quantity quantity;
  uint32_t reserved;
  const nwr_tensor* tensor;
} nwr_operand;

/** From inputs known at times t, writes outputs, in one pass. Every quantity is a fixed combination
 *  of data, noise and latent, so any inputs that determine an output will do: {data, noise} to
 *  {state, velocity} corrupts a training batch and makes its target; {state, velocity} to {score}
 *  converts a prediction. t: f32 or f64, one number or one a sample. diffusion is w(t)^2 >= 0 for
 *  NWR_DRIFT, likewise; NULL is 0. Up to 8 inputs and 8 outputs of one shape; a rank-0 input stands
 *  for every element. NWR_ERROR_SINGULAR where the inputs do not determine an output, such as data
 *  from noise where alpha is 0. On a CUDA context t and diffusion may lie on the device, which then
 *  evaluates the schedule itself: to rounding the same, a custom schedule through a table, and NaN
 *  in place of an error. */
NWR_API nwr_status nwr_transform_apply(const nwr_context* context, const nwr_schedule* schedule,
                                       const nwr_tensor* t, const nwr_tensor* diffusion,
                                       const nwr_operand* inputs, size_t input_count,
                                       const nwr_operand* outputs, size_t output_count);

/** As nwr_transform_apply, with one more input that nobody stores: drawn, NWR_NOISE or NWR_LATENT,
 *  is made of unit normals during the pass, the numbers that nwr_random_fill would write into a
 *  tensor of this shape. {data} to {state, velocity} makes a training batch in one pass; drawn is
 *  itself an output where it is wanted. rng_count is 1 or the batch size. */
NWR_API nwr_status nwr_transform_corrupt(const nwr_context* context, const nwr_schedule* schedule,
                                         const nwr_tensor* t, nwr_quantity drawn,
                                         const nwr_rng* rngs, size_t rng_count,
                                         const nwr_operand* inputs, size_t input_count,
                                         const nwr_operand* outputs, size_t output_count);

/** The same as numbers: out[i] is the factor of inputs[i]; 0 for one that is not needed. For hosts
 *  that differentiate. */
NWR_API nwr_status nwr_transform_coeffs(const nwr_schedule* schedule, double t, double diffusion,
                                        const nwr_quantity* inputs, size_t input_count,
                                        nwr_quantity output, double* out);

/** out = sum of factors[i] * inputs[i], up to 8. Guidance, averaging, scaling. out may be an input,
 *  an input may be of rank 0; a factor of 0 leaves its input out, NaN or not. */
NWR_API nwr_status nwr_tensor_combine(const nwr_context* context, const double* factors,
                                      const nwr_tensor* const* inputs, size_t input_count,
                                      const nwr_tensor* out);

/** x = mask * x + (1 - mask) * other, in place, rounded once: inpainting between two steps of a
 *  sampler, where other is what is known, noised by nwr_transform_corrupt to the sampler's time.
 *  Where the mask is 1 x stays and where it is 0 other is taken, whatever the other side holds, NaN
 *  included. other and mask have the shape of x or rank 0; a mask of one channel repeats it by a
 *  stride of 0. Fails as nwr_tensor_combine does. */
NWR_API nwr_status nwr_tensor_blend(const nwr_context* context, const nwr_tensor* x,
                                    const nwr_tensor* other, const nwr_tensor* mask);

/* ---- samplers ----------------------------------------------------------------------------- */

typedef struct nwr_sampler nwr_sampler;

/** Values from 1000 on are the samplers of other libraries, which have names only. */
typedef enum nwr_sampler_kind NWR_INT32 {
  NWR_SAMPLER_EULER = 0,
  NWR_SAMPLER_HEUN = 1,
  /** eta: 0 deterministic, 1 ancestral. */
  NWR_SAMPLER_DDIM = 2,
  NWR_SAMPLER_DPMPP_2M = 3,
  /** Ancestral sampling with the posterior's variance. */
  NWR_SAMPLER_DDPM = 4,
  /** The classical Runge-Kutta method: four evaluations a step. */
  NWR_SAMPLER_RK4 = 5,
  /** The SDE with any diffusion that keeps the marginals; by default the forward SDE's own. */
  NWR_SAMPLER_EULER_MARUYAMA = 6,
  /** The same with Heun's step for the drift. */
  NWR_SAMPLER_STOCHASTIC_HEUN = 7,
  /** Karras et al. 2206.00364, algorithm 2: Heun, with fresh noise before each step (s_churn). */
  NWR_SAMPLER_EDM = 8,
  /** An SDE of x/alpha in sigma/alpha, with a temperature. */
  NWR_SAMPLER_ITO = 9,
  /** DDIM after corrections that make a share of the noise fresh. */
  NWR_SAMPLER_PC = 10,
  /** Adams-Bashforth of any order: for the noise in sigma/alpha. */
  NWR_SAMPLER_ZAB = 11,
  /** For noise minus data in sigma/(alpha+sigma). */
  NWR_SAMPLER_VAB = 12,
  /** Exponential, in log-SNR: for the noise. */
  NWR_SAMPLER_ZEAB = 13,
  /** For the data. */
  NWR_SAMPLER_XEAB = 14,
  /** For the angular prediction. */
  NWR_SAMPLER_REAB = 15,
  /** Euler's step to less noise than asked for, and fresh noise. */
  NWR_SAMPLER_EULER_ANCESTRAL = 16,
  /** Linear multistep in sigma/alpha, exact weights. */
  NWR_SAMPLER_LMS = 17,
  /** Adams-Bashforth with fixed weights. */
  NWR_SAMPLER_IPNDM = 18,
  /** The same after a step of Heun. */
  NWR_SAMPLER_PNDM = 19,
  /** The noise a polynomial in log-SNR, integrated exactly. */
  NWR_SAMPLER_DEIS = 20,
  /** DPM-Solver++ of third order. */
  NWR_SAMPLER_DPMPP_3M = 21,
  /** Their SDE forms. */
  NWR_SAMPLER_DPMPP_2M_SDE = 22,
  NWR_SAMPLER_DPMPP_3M_SDE = 23,
  /** Multistep for the noise. */
  NWR_SAMPLER_DPM_SOLVER = 24,
  NWR_SAMPLER_RES_MULTISTEP = 25,
  /** Multistep predictor and a corrector without evaluations of its own. */
  NWR_SAMPLER_UNIPC = 26,
  /** The same for the SDE. */
  NWR_SAMPLER_SA_SOLVER = 27,
  NWR_SAMPLER_GRADIENT_ESTIMATION = 28,
  /** The midpoint rule in log-SNR (KDPM2). */
  NWR_SAMPLER_DPM_2 = 29,
  NWR_SAMPLER_DPM_2_ANCESTRAL = 30,
  /** DPM-Solver(++) with inner points; order and prediction are settings. */
  NWR_SAMPLER_DPMPP_2S = 31,
  NWR_SAMPLER_DPMPP_2S_ANCESTRAL = 32,
  NWR_SAMPLER_DPMPP_3S = 33,
  /** The same with the grid's own points as inner ones. */
  NWR_SAMPLER_DPM_SINGLESTEP = 34,
  NWR_SAMPLER_DPM_FAST = 35,
  NWR_SAMPLER_DPMPP_SDE = 36,
  /** Exponential Runge-Kutta methods for the SDE. */
  NWR_SAMPLER_SEEDS_2 = 37,
  NWR_SAMPLER_SEEDS_3 = 38,
  NWR_SAMPLER_RES_2S = 39,
  NWR_SAMPLER_ER_SDE = 40,
  NWR_SAMPLER_HEUNPP2 = 41,
  /** For models that go to clean data at once. */
  NWR_SAMPLER_LCM = 42,
  NWR_SAMPLER_TCD = 43,
  NWR_SAMPLER_CONSISTENCY = 44,
  /** Runge-Kutta methods with fixed steps. */
  NWR_SAMPLER_MIDPOINT = 45,
  NWR_SAMPLER_HEUN_3 = 46,
  NWR_SAMPLER_KUTTA_38 = 47,
  NWR_SAMPLER_BOGACKI_SHAMPINE = 48,
  NWR_SAMPLER_DORMAND_PRINCE = 49,
  /** EDM's steps, with a stretch of levels that is noised and gone through again. */
  NWR_SAMPLER_RESTART = 50,
  /** Methods that choose their steps by their errors, and land on every time that is given.
   *  DPM-Solver of orders 2 and 3, 2206.00927, algorithm 3. */
  NWR_SAMPLER_DPM_ADAPTIVE = 51,
  NWR_SAMPLER_BOGACKI_SHAMPINE_ADAPTIVE = 52,
  NWR_SAMPLER_DORMAND_PRINCE_ADAPTIVE = 53,
  NWR_SAMPLER_KIND_INT32_ = INT32_MIN
} nwr_sampler_kind;

/** Bits of nwr_sampler_options.flags. */
typedef enum nwr_sampler_flags NWR_INT32 {
  /** Keep each evaluation's estimate of the clean sample for nwr_sampler_denoised. */
  NWR_SAMPLER_KEEP_DENOISED = 1,
  NWR_SAMPLER_FLAGS_INT32_ = INT32_MIN
} nwr_sampler_flags;

/** Writes unit normals for draw number draw of this run. Returns 0, or a negative value to fail. */
typedef int32_t (*nwr_noise_fn)(void* user, uint64_t draw, const nwr_tensor* out);

/** The clock that a model was trained to read. */
typedef enum nwr_clock NWR_INT32 {
  /** The schedule's own t. */
  NWR_CLOCK_T = 0,
  /** The step number of a discrete schedule. */
  NWR_CLOCK_INDEX = 1,
  /** sigma/alpha. */
  NWR_CLOCK_SIGMA = 2,
  NWR_CLOCK_LOGSNR = 3,
  /** log(sigma/alpha). */
  NWR_CLOCK_LOG_SIGMA = 4,
  /** log(sigma/alpha)/4, which EDM's networks read. */
  NWR_CLOCK_EDM = 5,
  NWR_CLOCK_INT32_ = INT32_MIN
} nwr_clock;

/** Which sampler, for which model, over which times, with which noise. */
typedef struct nwr_sampler_options {
  uint32_t struct_size;
  /** nwr_sampler_flags. */
  uint32_t flags;
  /** Used when name is NULL. */
  nwr_sampler_kind kind;
  /** What the model returns: data, noise, velocity, angular, score or preconditioned; 0 is
   * velocity. For SDE samplers also the drift that the caller has put together, such as that of a
   * two-sided interpolant from two models: NWR_DRIFT where time runs to data, else
   * NWR_FORWARD_DRIFT. */
  nwr_quantity prediction;
  /** "ddim(eta=0.5)". */
  const char* name;
  const nwr_param* params;
  uint32_t param_count;
  /** With times NULL: a default grid of this many steps; 0 is 50, or 1 for an adaptive sampler.
   * Trailing indices for a discrete schedule, karras for edm, a flow's own shifted levels, else
   * even in t; noise and score predictions, which say nothing about data where alpha is 0, and
   * samplers that cannot step from there, begin at log(alpha/sigma) = -5.1 instead. */
  uint32_t steps;
  /** time_rows rows of time_count times, 2 or more; copied. In a run towards data they may turn,
   * all rows at the same steps; a row that stands still goes with the others. What goes back to
   * more noise is the forward process, without the model, and each stretch towards data is a run of
   * its own, with no history but the state (Lugmayr et al. 2201.09865, algorithm 1). */
  const double* times;
  uint32_t time_count;
  /** 0 or 1: shared by the batch. Else one row a sample. */
  uint32_t time_rows;
  /** One, or one a sample so that results ignore batching; copied. Each draw of noise moves on by
   *  the elements that it numbers. */
  const nwr_rng* rngs;
  uint32_t rng_count;
  /** In which eval.clock is told. */
  nwr_clock clock;
  /** Draws the noise in place of rngs: kept, called where the sampler needs noise. May be NULL. */
  nwr_noise_fn noise;
  /** Called once with user when the sampler is gone. */
  nwr_release_fn release;
  void* user;
  /** A spec string of the domain generator, which draws from rngs; NULL is philox, in the pass
   * itself. brownian and torchsde follow one path over the noise levels, whatever the steps. Others
   * than philox may allocate in a step, and wait on CUDA as nwr_random_generate does. */
  const char* generator;
} nwr_sampler_options;

/** What x holds when a run begins. */
typedef enum nwr_start NWR_INT32 {
  /** Nothing: fill it with noise of the first time's sigma. */
  NWR_START_PRIOR = 0,
  /** x is already a state at the first time. */
  NWR_START_STATE = 1,
  /** x is clean: noise it to the first time. */
  NWR_START_DATA = 2,
  /** Nothing: fill it with unit normals, whatever the first time's sigma. */
  NWR_START_UNIT = 3,
  NWR_START_INT32_ = INT32_MIN
} nwr_start;

/** The evaluation that a sampler waits for. */
typedef struct nwr_eval {
  uint32_t struct_size;
  /** Evaluations done. */
  uint32_t index;
  /** Evaluations in all; 0 if not known. */
  uint32_t count;
  /** 1, or the batch size when samples have times of their own. */
  uint32_t row_count;
  /** The time of row 0. */
  double t;
  /** The same on the model's clock. */
  double clock;
  /** What to multiply x by before the model sees it. */
  double input_scale;
  /** All rows. Valid until the sampler moves. */
  const double* t_rows;
  const double* clock_rows;
  const double* input_scale_rows;
  /** How many outputs the model must give: 1; with guidance, where it acts, 2 or 3; and one more
   * for the setting variance=learned_range. */
  uint32_t output_count;
  /** 1 where times turn back: the step only adds noise, and the model need not be asked. */
  uint32_t noises;
} nwr_eval;

/** Makes a sampler and its table of coefficients. NWR_ERROR_SINGULAR if at some time the prediction
 *  does not determine the step, such as a noise prediction where alpha is 0. When it fails, release
 *  is not called. */
NWR_API nwr_status nwr_sampler_create(const nwr_context* context, const nwr_schedule* schedule,
                                      const nwr_sampler_options* options, nwr_sampler** out);
NWR_API void nwr_sampler_destroy(nwr_sampler* sampler);
/** Begins, or begins the same run again, with the same noise. Fixes the shape, dtype and device of
 * x for this run. Where steps begin with fresh noise (edm's churn), x is already at the time that
 * nwr_sampler_next tells, here and after every step. */
NWR_API nwr_status nwr_sampler_start(nwr_sampler* sampler, const nwr_tensor* x, nwr_start start);
/** NWR_OK and what to evaluate, or NWR_DONE and the end's time. Changes nothing. */
NWR_API nwr_status nwr_sampler_next(const nwr_sampler* sampler, nwr_eval* out);
/** Takes the model's outputs at (x, eval) and writes the next point to evaluate into x, in one
 * pass. outputs is an array of eval.output_count tensors of x's shape, of any float dtype: with all
 * conditions; where there is guidance_image, with the image alone; where there is guidance, with
 * none; and with variance=learned_range the share of the variance, -1 to 1. Guidance that depends
 * on the outputs' sums, and limits of data, take one more pass each. Where eval.noises is 1 outputs
 * are not looked at. Allocates nothing on the CPU, but between attempts of an adaptive run.
 * NWR_ERROR_INVALID_STATE before start and after the end; an adaptive run also ends with it where
 * its error is no number or its evaluations run out: x has moved on, start it again. */
NWR_API nwr_status nwr_sampler_step(nwr_sampler* sampler, const nwr_tensor* x,
                                    const nwr_tensor* outputs, size_t output_count);
/** Writes the last evaluation's estimate of the clean sample: a preview, or the last step's x0.
 * Needs NWR_SAMPLER_KEEP_DENOISED. out has x's shape and any float dtype. */
NWR_API nwr_status nwr_sampler_denoised(const nwr_sampler* sampler, const nwr_tensor* out);

/** What an array of a plan is. From NWR_PLAN_MODEL and NWR_PLAN_SLOT on, numbers count the model's
 *  outputs and the arrays that a run keeps. */
typedef enum nwr_plan_array NWR_INT32 {
  /** x */
  NWR_PLAN_STATE = 0,
  NWR_PLAN_MODEL = 100,
  NWR_PLAN_SLOT = 200,
  /** Fresh normals, where a callback or a named generator writes them. */
  NWR_PLAN_NOISE = 300,
  NWR_PLAN_ARRAY_INT32_ = INT32_MIN
} nwr_plan_array;

/** One evaluation of a run as numbers: output j becomes the sum of factors times inputs, and of
 *  fresh unit normals. All inputs are read before an output is written. */
typedef struct nwr_plan {
  uint32_t struct_size;
  /** Evaluations in all. */
  uint32_t count;
  /** 1, or the batch size when samples have times of their own. */
  uint32_t row_count;
  /** Arrays that the run keeps, each of x's shape. */
  uint32_t slot_count;
  uint32_t input_count;
  uint32_t output_count;
  /** nwr_plan_array of each input and output. */
  const int32_t* inputs;
  const int32_t* outputs;
  /** [row][output][input_count + 1]; the last is that of fresh normals, as nwr_random_fill makes
   *  them from the run's generators. */
  const double* factors;
  /** [row][2]: what the first step does to x before its evaluation, x and normals; or NULL. */
  const double* opening;
  /** As in nwr_eval, of this evaluation. */
  const double* t_rows;
  const double* clock_rows;
  const double* input_scale_rows;
} nwr_plan;

/** Writes one evaluation of the run's plan, so that a compiler, a graph or another program can run
 *  the sampler without this library; index count is the run's end, which has times alone. What it
 *  points to lives as long as the sampler and never changes. NWR_ERROR_UNSUPPORTED for runs that
 * are no table: adaptive ones, limited data, learned variance, guidance by the outputs' sums. */
NWR_API nwr_status nwr_sampler_plan(const nwr_sampler* sampler, size_t index, nwr_plan* out);
/** The whole plan as JSON, with the specs of sampler and schedule; docs/plan.md is its format. The
 *  text lives as long as the sampler. Errors as of nwr_sampler_plan. */
NWR_API nwr_status nwr_sampler_plan_json(const nwr_sampler* sampler, const char** out);

/** Writes the model's outputs for x into output, an array of eval->output_count dense tensors of
 * x's shape and dtype, in the order of nwr_sampler_step. Returns 0 to go on, positive to cancel,
 * negative to fail. */
typedef int32_t (*nwr_model_fn)(void* user, const nwr_eval* eval, const nwr_tensor* x,
                                const nwr_tensor* output);
/** Called after each step with the evaluation done and the state so far. Returns 0 to go on,
 * positive to cancel, negative to fail. */
typedef int32_t (*nwr_progress_fn)(void* user, const nwr_eval* eval, const nwr_tensor* x);

/** What nwr_sampler_run calls. */
typedef struct nwr_callbacks {
  uint32_t struct_size;
  uint32_t flags;
  nwr_model_fn model;
  /** May be NULL. */
  nwr_progress_fn progress;
  void* user;
} nwr_callbacks;

/** The loop of next, model, step, from the sampler's present point to the end. NWR_CANCELLED leaves
 *  the sampler where it is: run goes on from there. */
NWR_API nwr_status nwr_sampler_run(nwr_sampler* sampler, const nwr_tensor* x,
                                   const nwr_callbacks* callbacks);
/** Makes a run on another thread return NWR_CANCELLED at its next evaluation. */
NWR_API void nwr_sampler_cancel(const nwr_sampler* sampler);

/** Writes all but x, portably. Sets *size to the bytes needed; with capacity 0 it only does that.
 *  NWR_ERROR_BUFFER_TOO_SMALL writes *size and nothing else; NWR_ERROR_UNSUPPORTED for a sampler
 *  whose noise comes from a callback. */
NWR_API nwr_status nwr_sampler_save(const nwr_sampler* sampler, void* buffer, size_t capacity,
                                    size_t* size);
/** Makes the sampler that was saved, to go on to the same bits. schedule must be the one that it
 * was saved on. NWR_ERROR_CORRUPT for damaged bytes or another format. */
NWR_API nwr_status nwr_sampler_load(const nwr_context* context, const nwr_schedule* schedule,
                                    const void* buffer, size_t size, nwr_sampler** out);

/* ---- other libraries' configurations ------------------------------------------------------- */

/** What a configuration leaves open. All zero: 50 steps and every default. */
typedef struct nwr_import_options {
  uint32_t struct_size;
  /** Must be 0. */
  uint32_t flags;
  /** Steps of the run, on which some settings depend; 0 is 50. */
  uint32_t steps;
  uint32_t param_count;
  /** What the class takes when it is called, by name: eta, s_noise, order, strength, mu, tokens,
   *  even. NWR_ERROR_NOT_FOUND for one that it does not take. tokens is the length of the sequence
   *  from which mu comes; even = 1 for pipelines, such as FLUX's, that hand over even levels. */
  const nwr_param* params;
  /** Names alone: spec of the model's schedule; NULL is "sd15". */
  const char* schedule;
} nwr_import_options;

/** What a configuration says besides the schedule: specs and enums for nwr_grid_options and
 *  nwr_sampler_options. Strings live as long as the schedule. */
typedef struct nwr_import {
  uint32_t struct_size;
  /** What the model returns. */
  nwr_quantity prediction;
  /** What the model reads, once multiplied by clock_scale. */
  nwr_clock clock;
  /** How the other library begins a run. */
  nwr_start start;
  /** 1000 where timesteps are a flow's sigma*1000. */
  double clock_scale;
  /** The class, or the names in lower case. */
  const char* source;
  const char* grid;
  const char* sampler;
  /** What was not followed: "key=value: reason", with every key that has an effect and none here
   *  and every key that is not known. */
  const char* const* warnings;
  uint32_t warning_count;
  /** The steps that it is for: fill steps+1 times. */
  uint32_t steps;
} nwr_import;

/** Makes the schedule of another library's configuration and keeps the rest for
 *  nwr_schedule_get_import. text is the JSON of a scheduler_config.json of diffusers; or the name
 *  of a sampler of k-diffusion, ComfyUI, A1111 or stable-diffusion.cpp, of which the name of a grid
 *  may follow: "DPM++ 2M Karras", "dpmpp_2m sgm_uniform". options may be NULL. States are alpha
 *  times those of programs that step in sigma, so that the model reads them as they are.
 *  NWR_ERROR_INVALID_ARGUMENT names a key and its value, NWR_ERROR_NOT_FOUND a class that is not
 *  known, with those that are, NWR_ERROR_UNSUPPORTED one that is known and not here. */
NWR_API nwr_status nwr_schedule_import(const char* text, const nwr_import_options* options,
                                       nwr_schedule** out);
/** Writes what nwr_schedule_import read. NWR_ERROR_INVALID_STATE for other schedules. */
NWR_API nwr_status nwr_schedule_get_import(const nwr_schedule* schedule, nwr_import* out);

#ifdef __cplusplus
}
#endif
#endif /* NWR_H */
