// SPDX-License-Identifier: Apache-2.0
// Owns where work runs, and the calls on tensors that need no sampler.
using System.Buffers;
using Noisewright.Interop;

namespace Noisewright;

/// <summary>Where work runs.</summary>
public sealed record ContextOptions
{
    /// <summary>The kind of device.</summary>
    public Device Device { get; init; } = Device.Cpu;

    /// <summary>Its number.</summary>
    public int DeviceId { get; init; }

    /// <summary>A cudaStream_t that outlives the context. 0 makes one; 1 and 2 are CUDA's legacy and
    /// per-thread streams.</summary>
    public nint Stream { get; init; }

    /// <summary>CPU threads; 0 is one a core. Never changes a result.</summary>
    public int Threads { get; init; }

    /// <summary>File of the device's plugin; null searches.</summary>
    public string? Plugin { get; init; }
}

/// <summary>Where work runs: a device with its threads. Immutable: threads may share it.</summary>
public sealed unsafe class NoisewrightContext : IDisposable
{
    internal readonly ContextHandle Handle = new();

    /// <summary>Makes a context.</summary>
    /// <param name="options">None is the CPU with one thread a core.</param>
    /// <exception cref="NoisewrightException">The device has no plugin here.</exception>
    public NoisewrightContext(ContextOptions? options = null)
    {
        options ??= new ContextOptions();
        ArgumentOutOfRangeException.ThrowIfNegative(options.Threads);
        fixed (byte* plugin = Utf8.Of(options.Plugin))
        {
            NwrContextOptions given = new()
            {
                StructSize = (uint)sizeof(NwrContextOptions),
                Device = options.Device,
                DeviceId = options.DeviceId,
                Stream = (void*)options.Stream,
                Threads = (uint)options.Threads,
                Plugin = plugin,
            };
            void* made;
            Outcome.Check(Native.ContextCreate(&given, &made));
            Handle.Take(made);
        }
    }

    /// <summary>Waits for the work of this context and throws what it reports.</summary>
    public void Synchronize()
    {
        using var context = new Lease(Handle);
        Outcome.Check(Native.ContextSynchronize(context.Pointer));
    }

    /// <summary>Memory aligned to 64 bytes, outside the garbage collector's reach. Its contents are
    /// undefined. For contexts on the CPU.</summary>
    /// <typeparam name="T">The element type.</typeparam>
    /// <param name="length">How many elements.</param>
    /// <returns>The memory, which ends when it is disposed.</returns>
    public MemoryManager<T> Allocate<T>(int length) where T : unmanaged => new ContextMemory<T>(Handle, length);

    /// <summary>Copies between element types and strides. Equal types are copied bit by bit,
    /// otherwise numbers are rounded to nearest even.</summary>
    /// <param name="from">What to copy.</param>
    /// <param name="to">Where, of the same shape.</param>
    public void Copy(ReadOnlyTensorRef from, TensorRef to)
    {
        using var context = new Lease(Handle);
        View a = from.View, b = to.View;
        fixed (byte* aData = &a.Data, bData = &b.Data)
        fixed (long* aShape = a.Shape, aStrides = a.Strides, bShape = b.Shape, bStrides = b.Strides)
        {
            NwrTensor source = a.Pinned(aData, aShape, aStrides);
            NwrTensor target = b.Pinned(bData, bShape, bStrides);
            Outcome.Check(Native.TensorCopy(context.Pointer, &source, &target));
        }
    }

    /// <summary>Fills a tensor with random numbers, all from one generator.</summary>
    /// <param name="distribution">Which numbers.</param>
    /// <param name="rng">Numbers all elements in row-major order.</param>
    /// <param name="tensor">What to fill.</param>
    public void RandomFill(Distribution distribution, Rng rng, TensorRef tensor) =>
        RandomFill(distribution, new ReadOnlySpan<Rng>(in rng), tensor);

    /// <summary>Fills a tensor with random numbers.</summary>
    /// <param name="distribution">Which numbers.</param>
    /// <param name="rngs">One, or one a sample.</param>
    /// <param name="tensor">What to fill.</param>
    public void RandomFill(Distribution distribution, ReadOnlySpan<Rng> rngs, TensorRef tensor)
    {
        using var context = new Lease(Handle);
        View a = tensor.View;
        fixed (Rng* generators = rngs)
        fixed (byte* data = &a.Data)
        fixed (long* shape = a.Shape, strides = a.Strides)
        {
            NwrTensor target = a.Pinned(data, shape, strides);
            Outcome.Check(Native.RandomFill(context.Pointer, distribution, (NwrRng*)generators,
                (nuint)rngs.Length, &target));
        }
    }

    /// <summary>Fills a tensor from any generator, in one draw, and moves the position on, so that
    /// calls continue each other.</summary>
    /// <param name="generator">"torch-cpu", or of <see cref="Generators"/>. None is Philox.</param>
    /// <param name="distribution">Which numbers.</param>
    /// <param name="rng">Where to begin, and afterwards where the next call goes on.</param>
    /// <param name="tensor">What to fill.</param>
    /// <param name="fromLevel">brownian and torchsde: the level of sigma/alpha from which the path
    /// moves. The numbers are its increment over the root of the length: unit normals again.</param>
    /// <param name="toLevel">The level to which it moves. Equal ones ask for normals that belong to no
    /// path.</param>
    public void RandomGenerate(Spec generator, Distribution distribution, ref Rng rng, TensorRef tensor,
        double fromLevel = 0, double toLevel = 0) =>
        RandomGenerate(generator, distribution, new Span<Rng>(ref rng), tensor, fromLevel, toLevel);

    /// <summary>The same with one position, or one a sample, each of which is then a draw of its
    /// own.</summary>
    /// <param name="generator">"torch-cpu", or of <see cref="Generators"/>. None is Philox.</param>
    /// <param name="distribution">Which numbers.</param>
    /// <param name="rngs">Where to begin, and afterwards where the next call goes on.</param>
    /// <param name="tensor">What to fill.</param>
    /// <param name="fromLevel">As above.</param>
    /// <param name="toLevel">As above.</param>
    public void RandomGenerate(Spec generator, Distribution distribution, Span<Rng> rngs,
        TensorRef tensor, double fromLevel = 0, double toLevel = 0)
    {
        using var context = new Lease(Handle);
        View a = tensor.View;
        fixed (byte* name = Utf8.Of(generator.Text), data = &a.Data)
        fixed (Rng* positions = rngs)
        fixed (long* shape = a.Shape, strides = a.Strides)
        {
            NwrRandomOptions options = new()
            {
                StructSize = (uint)sizeof(NwrRandomOptions),
                What = distribution,
                Name = name,
                FromLevel = fromLevel,
                ToLevel = toLevel,
            };
            NwrTensor target = a.Pinned(data, shape, strides);
            Outcome.Check(Native.RandomGenerate(context.Pointer, &options, (NwrRng*)positions,
                (nuint)rngs.Length, &target));
        }
    }

    /// <summary>Fills a tensor with random times of a schedule, for training.</summary>
    /// <param name="schedule">Whose times.</param>
    /// <param name="density">Of <see cref="Densities"/>. None is even between the ends.</param>
    /// <param name="rng">Numbers all elements in row-major order.</param>
    /// <param name="times">What to fill, in ordinary memory.</param>
    public void RandomTimes(Schedule schedule, Spec density, Rng rng, TensorRef times) =>
        RandomTimes(schedule, density, new ReadOnlySpan<Rng>(in rng), times);

    /// <summary>Fills a tensor with random times of a schedule, for training.</summary>
    /// <param name="schedule">Whose times.</param>
    /// <param name="density">Of <see cref="Densities"/>. None is even between the ends.</param>
    /// <param name="rngs">One, or one a sample.</param>
    /// <param name="times">What to fill, in ordinary memory.</param>
    public void RandomTimes(Schedule schedule, Spec density, ReadOnlySpan<Rng> rngs, TensorRef times)
    {
        ArgumentNullException.ThrowIfNull(schedule);
        using var context = new Lease(Handle);
        using var path = new Lease(schedule.Handle);
        View a = times.View;
        fixed (byte* name = Utf8.Of(density.Text), data = &a.Data)
        fixed (Rng* generators = rngs)
        fixed (long* shape = a.Shape, strides = a.Strides)
        {
            NwrDensityOptions options = new()
            {
                StructSize = (uint)sizeof(NwrDensityOptions),
                Name = name,
            };
            NwrTensor target = a.Pinned(data, shape, strides);
            Outcome.Check(Native.RandomTimes(context.Pointer, path.Pointer, &options,
                (NwrRng*)generators, (nuint)rngs.Length, &target));
        }
    }

    /// <summary>From quantities that are known at a time, writes quantities that are wanted, in one
    /// pass. Every quantity is a fixed combination of data, noise and latent, so any inputs that
    /// determine an output will do.</summary>
    /// <param name="schedule">The schedule.</param>
    /// <param name="t">The time.</param>
    /// <param name="inputs">What is known.</param>
    /// <param name="outputs">What is wanted.</param>
    /// <param name="diffusion">w(t)^2, for a drift.</param>
    /// <exception cref="NoisewrightException">Among others, <see cref="Status.Singular"/>: the inputs
    /// do not determine an output.</exception>
    public void Transform(Schedule schedule, double t, Inputs inputs, Outputs outputs,
        double diffusion = 0) =>
        Transform(schedule, new ReadOnlyTensor<double>(in t), inputs, outputs,
            new ReadOnlyTensor<double>(in diffusion));

    /// <summary>The same with times as a tensor.</summary>
    /// <param name="schedule">The schedule.</param>
    /// <param name="t">float or double, one number or one a sample.</param>
    /// <param name="inputs">What is known.</param>
    /// <param name="outputs">What is wanted.</param>
    /// <param name="diffusion">w(t)^2, likewise; none is 0.</param>
    public void Transform(Schedule schedule, ReadOnlyTensorRef t, Inputs inputs, Outputs outputs,
        ReadOnlyTensorRef diffusion = default)
    {
        ArgumentNullException.ThrowIfNull(schedule);
        using var context = new Lease(Handle);
        using var path = new Lease(schedule.Handle);
        var call = new TransformCall { Context = context.Pointer, Schedule = path.Pointer };
        Outcome.Check(call.Apply(t.View, diffusion.View, inputs.Views, outputs.Views));
    }

    /// <summary>As <see cref="Transform(Schedule, ReadOnlyTensorRef, Inputs, Outputs,
    /// ReadOnlyTensorRef)"/>, with one more input that is drawn on the way and stored only where it
    /// is an output: data alone becomes a training batch in one pass.</summary>
    /// <param name="schedule">The schedule.</param>
    /// <param name="t">float or double, one number or one a sample.</param>
    /// <param name="drawn"><see cref="Quantity.Noise"/> or <see cref="Quantity.Latent"/>.</param>
    /// <param name="rngs">One, or one a sample.</param>
    /// <param name="inputs">What is known.</param>
    /// <param name="outputs">What is wanted.</param>
    public void Corrupt(Schedule schedule, ReadOnlyTensorRef t, Quantity drawn,
        ReadOnlySpan<Rng> rngs, Inputs inputs, Outputs outputs)
    {
        ArgumentNullException.ThrowIfNull(schedule);
        using var context = new Lease(Handle);
        using var path = new Lease(schedule.Handle);
        fixed (Rng* generators = rngs)
        {
            var call = new TransformCall
            {
                Context = context.Pointer,
                Schedule = path.Pointer,
                Drawn = drawn,
                Draws = true,
                Rngs = (NwrRng*)generators,
                RngCount = (nuint)rngs.Length,
            };
            Outcome.Check(call.Apply(t.View, default, inputs.Views, outputs.Views));
        }
    }

    /// <summary>The same with one generator.</summary>
    /// <param name="schedule">The schedule.</param>
    /// <param name="t">float or double, one number or one a sample.</param>
    /// <param name="drawn"><see cref="Quantity.Noise"/> or <see cref="Quantity.Latent"/>.</param>
    /// <param name="rng">Numbers all elements in row-major order.</param>
    /// <param name="inputs">What is known.</param>
    /// <param name="outputs">What is wanted.</param>
    public void Corrupt(Schedule schedule, ReadOnlyTensorRef t, Quantity drawn, Rng rng,
        Inputs inputs, Outputs outputs) =>
        Corrupt(schedule, t, drawn, new ReadOnlySpan<Rng>(in rng), inputs, outputs);

    /// <summary>Writes a sum of tensors, each with a factor: guidance, averaging, scaling.</summary>
    /// <param name="terms">The tensors.</param>
    /// <param name="result">Where; it may be a term.</param>
    public void Combine(Terms terms, TensorRef result)
    {
        using var context = new Lease(Handle);
        var call = new CombineCall { Context = context.Pointer };
        Outcome.Check(call.Apply(terms.Views, result.View));
    }

    /// <summary>Makes x mask * x + (1 - mask) * other: inpainting between two steps, where other is
    /// what is known, noised to the sampler's time. Where the mask is 1 x stays and where it is 0 other
    /// is taken, whatever the other side holds.</summary>
    /// <param name="x">Read and written.</param>
    /// <param name="other">Of the shape of x, or of rank 0.</param>
    /// <param name="mask">Likewise; one channel repeats by a stride of 0.</param>
    public void Blend(TensorRef x, ReadOnlyTensorRef other, ReadOnlyTensorRef mask)
    {
        using var context = new Lease(Handle);
        View a = x.View, b = other.View, c = mask.View;
        fixed (byte* aData = &a.Data, bData = &b.Data, cData = &c.Data)
        fixed (long* aShape = a.Shape, aStrides = a.Strides, bShape = b.Shape, bStrides = b.Strides)
        fixed (long* cShape = c.Shape, cStrides = c.Strides)
        {
            NwrTensor state = a.Pinned(aData, aShape, aStrides);
            NwrTensor beside = b.Pinned(bData, bShape, bStrides);
            NwrTensor share = c.Pinned(cData, cShape, cStrides);
            Outcome.Check(Native.TensorBlend(context.Pointer, &state, &beside, &share));
        }
    }

    /// <summary>Lets the context go. What uses it stays.</summary>
    public void Dispose() => Handle.Dispose();
}
