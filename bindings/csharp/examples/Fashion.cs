// SPDX-License-Identifier: Apache-2.0
// A trained network, in C, that draws clothes, with guidance: the pictures of the demonstration's
// second act, to the same bits. Each has a stream of random numbers of its own, so that no picture
// depends on how many are drawn.
//   dotnet run -- fashion LIBFASHION [PER_CLASS [PICTURE.pgm]]
// LIBFASHION is build/release/examples/libfashion.so; PER_CLASS, 1 to 10, is 10.
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Noisewright.Examples;

internal static unsafe class Fashion
{
    private const int Side = 28, Pixels = Side * Side, Classes = 10, Most = 10, NoLabel = 10;
    private const uint Threads = 2;

    // fashion_job of net.h.
    private struct Job
    {
        public float* X, V;
        public float T;
        public int Label;
    }

    private sealed class Network : IDisposable
    {
        private readonly delegate* unmanaged[Cdecl]<void*, Job*, nuint, uint, int> _run;
        private readonly delegate* unmanaged[Cdecl]<void*, void> _destroy;
        private readonly void* _net;
        private readonly Job[] _jobs;
        private readonly int _perClass;

        internal Network(string file, int perClass)
        {
            _perClass = perClass;
            _jobs = new Job[2 * Classes * perClass];
            nint library = NativeLibrary.Load(Path.GetFullPath(file));
            nint Symbol(string name) => NativeLibrary.GetExport(library, $"fashion_{name}");
            _run = (delegate* unmanaged[Cdecl]<void*, Job*, nuint, uint, int>)Symbol("net_run");
            _destroy = (delegate* unmanaged[Cdecl]<void*, void>)Symbol("net_destroy");
            nint weights = Symbol("weights");
            _net = ((delegate* unmanaged[Cdecl]<void*, nuint, void*>)Symbol("net_create"))(
                (void*)weights, (nuint)(Symbol("weights_end") - weights));
            if (_net == null)
            {
                throw new InvalidDataException("the network's weights cannot be unpacked");
            }
        }

        // Velocities with the labels and without: guidance needs both.
        internal void Run(double t, ReadOnlySpan<float> x, Span<float> labelled, Span<float> free)
        {
            fixed (float* from = x, a = labelled, b = free)
            fixed (Job* jobs = _jobs)
            {
                for (int i = 0; i < _jobs.Length / 2; i++)
                {
                    int at = i * Pixels;
                    Job job = new() { X = from + at, T = (float)t };
                    jobs[2 * i] = job with { V = a + at, Label = i / _perClass };
                    jobs[2 * i + 1] = job with { V = b + at, Label = NoLabel };
                }
                if (_run(_net, jobs, (nuint)_jobs.Length, Threads) != 0)
                {
                    throw new OutOfMemoryException();
                }
            }
        }

        public void Dispose() => _destroy(_net);
    }

    internal static void Run(string library, int perClass, string? picture)
    {
        if (perClass is < 1 or > Most)
        {
            throw new ArgumentOutOfRangeException(nameof(perClass), perClass, $"outside 1 to {Most}");
        }
        int pictures = Classes * perClass;
        using var network = new Network(library, perClass);
        using var context = new NoisewrightContext();
        using var flow = new Schedule();
        using var sampler = new Sampler(context, flow, new SamplerOptions
        {
            Spec = Samplers.Heun(guidance: 2),
            Steps = 12,
            Rngs = [.. Enumerable.Range(0, pictures)
                .Select(i => new Rng(42, (ulong)(i / perClass * Most + i % perClass)))],
        });
        var x = new float[pictures * Pixels];
        var state = new Tensor<float>(x, [pictures, Pixels]);
        sampler.Start(state);
        Console.WriteLine($"noise    sha256 {Sha256(x)}");
        sampler.Run(state,
            (in Eval eval, ReadOnlyTensor<float> from, Tensor<float> labelled, Tensor<float> free) =>
                network.Run(eval.Clock, from.Data, labelled.Data, free.Data));
        Console.WriteLine($"pictures sha256 {Sha256(x)}");
        sampler.Next(out Eval end);
        Console.WriteLine($"{pictures} pictures, {end.Index} evaluations");
        if (picture is not null)
        {
            Write(picture, x, perClass);
        }
    }

    private static string Sha256(float[] values) =>
        Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes<float>(values)));

    // A grey picture of all pictures, a class a row.
    private static void Write(string file, float[] x, int perClass)
    {
        using FileStream stream = File.Create(file);
        stream.Write(System.Text.Encoding.ASCII.GetBytes($"P5 {perClass * Side} {Classes * Side} 255\n"));
        for (int y = 0; y < Classes * Side; y++)
        {
            for (int across = 0; across < perClass * Side; across++)
            {
                int index = y / Side * perClass + across / Side;
                float v = x[index * Pixels + y % Side * Side + across % Side];
                stream.WriteByte((byte)Math.Clamp((v + 1) * 127.5f + 0.5f, 0, 255));
            }
        }
    }
}
