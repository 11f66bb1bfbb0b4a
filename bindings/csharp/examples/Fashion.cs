// SPDX-License-Identifier: Apache-2.0
// A hundred pictures of clothes from the C network of examples/fashion, with guidance: the second
// act of the demonstration, to the same bits. Each picture has a stream of its own.
//   cc -O3 -std=c11 -ffp-contract=off -shared -fPIC -pthread -o libfashion.so
//     -DFASHION_WEIGHTS_FILE='"w.f16"' net.c weights.c        in examples/fashion
//   dotnet run -- fashion LIBFASHION [PICTURE.pgm]
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Noisewright.Examples;

internal static unsafe class Fashion
{
    private const int Side = 28, Pixels = Side * Side, Rows = 10, Pictures = Rows * Rows;
    private const int NoLabel = 10;

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
        private readonly Job[] _jobs = new Job[2 * Pictures];

        internal Network(string file)
        {
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

        // Velocities with the labels and without. Picture i is of class i / Rows.
        internal void Run(double t, ReadOnlySpan<float> x, Span<float> labelled, Span<float> free)
        {
            fixed (float* from = x, a = labelled, b = free)
            fixed (Job* jobs = _jobs)
            {
                for (int i = 0; i < Pictures; i++)
                {
                    float* picture = from + i * Pixels;
                    jobs[2 * i] = new Job { X = picture, V = a + i * Pixels, T = (float)t, Label = i / Rows };
                    jobs[2 * i + 1] = new Job { X = picture, V = b + i * Pixels, T = (float)t, Label = NoLabel };
                }
                if (_run(_net, jobs, 2 * Pictures, (uint)Environment.ProcessorCount) != 0)
                {
                    throw new OutOfMemoryException();
                }
            }
        }

        public void Dispose() => _destroy(_net);
    }

    internal static void Run(string library, string? picture)
    {
        using var network = new Network(library);
        using var context = new NoisewrightContext();
        using var flow = new Schedule();
        using var sampler = new Sampler(context, flow, new SamplerOptions
        {
            Spec = Samplers.Heun(guidance: 2),
            Times = flow.Grid(Grids.Uniform(), 12),
            Rngs = [.. Enumerable.Range(0, Pictures).Select(i => new Rng(42, (ulong)i))],
        });
        var x = new float[Pictures * Pixels];
        var state = new Tensor<float>(x, [Pictures, Pixels]);
        sampler.Start(state);
        Console.WriteLine($"noise    sha256 {Sha256(x)}");
        sampler.Run(state,
            (in Eval eval, ReadOnlyTensor<float> from, Tensor<float> labelled, Tensor<float> free) =>
                network.Run(eval.Clock, from.Data, labelled.Data, free.Data));
        Console.WriteLine($"pictures sha256 {Sha256(x)}");
        if (picture is not null)
        {
            Write(picture, x);
        }
    }

    private static string Sha256(float[] values) =>
        Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes<float>(values)));

    // A grey picture of all pictures, a class a row.
    private static void Write(string file, float[] x)
    {
        using FileStream stream = File.Create(file);
        stream.Write(System.Text.Encoding.ASCII.GetBytes($"P5 {Rows * Side} {Rows * Side} 255\n"));
        for (int y = 0; y < Rows * Side; y++)
        {
            for (int across = 0; across < Rows * Side; across++)
            {
                int index = y / Side * Rows + across / Side;
                float v = x[index * Pixels + y % Side * Side + across % Side];
                stream.WriteByte((byte)Math.Clamp((v + 1) * 127.5f + 0.5f, 0, 255));
            }
        }
    }
}
