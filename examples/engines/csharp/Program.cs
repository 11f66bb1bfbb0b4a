// SPDX-License-Identifier: Apache-2.0
// The pictures of examples/c/fashion.c, with the network in ONNX Runtime.
//   dotnet run -- MODEL.onnx [PER_CLASS [FOLDER]]    1 to 10 pictures of each of ten classes; 10
// Into FOLDER go pictures.pgm, and the numbers: noise.f32, pictures.f32.
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.ML.OnnxRuntime;
using Noisewright;

const int Side = 28, Pixels = Side * Side, Classes = 10, Most = 10, NoLabel = 10;
int perClass = args.Length > 1 ? int.Parse(args[1]) : Most;
if (args.Length < 1 || perClass is < 1 or > Most)
{
    Console.Error.WriteLine($"usage: dotnet run -- MODEL.onnx [PER_CLASS, 1 to {Most} [FOLDER]]");
    return 2;
}
string? folder = args.Length > 2 ? args[2] : null;
int pictures = Classes * perClass;

// The engine's values are views of these arrays; labels and outputs are two, for guidance.
float[] x = new float[pictures * Pixels], t = new float[pictures];
float[] labelled = new float[x.Length], free = new float[x.Length];
long[] labels = [.. Enumerable.Range(0, pictures).Select(i => (long)(i / perClass))];
long[] none = [.. Enumerable.Repeat((long)NoLabel, pictures)];
long[] grid = [pictures, Side, Side], list = [pictures];
using var network = new InferenceSession(args[0]);
using var options = new RunOptions();
using OrtValue ortX = OrtValue.CreateTensorValueFromMemory(x, grid);
using OrtValue ortT = OrtValue.CreateTensorValueFromMemory(t, list);
using OrtValue ortLabels = OrtValue.CreateTensorValueFromMemory(labels, list);
using OrtValue ortNone = OrtValue.CreateTensorValueFromMemory(none, list);
using OrtValue ortLabelled = OrtValue.CreateTensorValueFromMemory(labelled, grid);
using OrtValue ortFree = OrtValue.CreateTensorValueFromMemory(free, grid);

using var context = new NoisewrightContext();
using var flow = new Schedule();
using var sampler = new Sampler(context, flow, new SamplerOptions
{
    Spec = Samplers.Heun(guidance: 2),
    Steps = 12,
    // A stream a picture: none depends on how many are drawn.
    Rngs = [.. Enumerable.Range(0, pictures)
        .Select(i => new Rng(42, (ulong)(i / perClass * Most + i % perClass)))],
});
long[] shape = [pictures, Pixels];
sampler.Start(new Tensor<float>(x, shape));
Write("noise.f32", MemoryMarshal.AsBytes<float>(x));
int evaluations = 0;
foreach (Eval eval in sampler.Evaluations())
{
    Array.Fill(t, (float)eval.Clock);
    network.Run(options, ["x", "t", "label"], [ortX, ortT, ortLabels], ["v"], [ortLabelled]);
    network.Run(options, ["x", "t", "label"], [ortX, ortT, ortNone], ["v"], [ortFree]);
    sampler.Step(new Tensor<float>(x, shape), new Tensor<float>(labelled, shape), new Tensor<float>(free, shape));
    evaluations++;
}
string version = OrtEnv.Instance().GetVersionString();
Console.WriteLine($"{pictures} pictures, {evaluations} evaluations, ONNX Runtime {version}");
Write("pictures.f32", MemoryMarshal.AsBytes<float>(x));
Write("pictures.pgm", Picture());
return 0;

void Write(string name, ReadOnlySpan<byte> bytes)
{
    if (folder is not null)
    {
        using FileStream file = File.Create(Path.Combine(folder, name));
        file.Write(bytes);
    }
}

// A grey picture of all pictures, a class a row.
byte[] Picture()
{
    var bytes = new List<byte>(Encoding.ASCII.GetBytes($"P5 {perClass * Side} {Classes * Side} 255\n"));
    for (int y = 0; y < Classes * Side; y++)
    {
        for (int across = 0; across < perClass * Side; across++)
        {
            float v = x[(y / Side * perClass + across / Side) * Pixels + y % Side * Side + across % Side];
            bytes.Add((byte)Math.Clamp((v + 1) * 127.5f + 0.5f, 0, 255));
        }
    }
    return [.. bytes];
}
