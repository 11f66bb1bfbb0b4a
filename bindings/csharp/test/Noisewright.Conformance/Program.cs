// SPDX-License-Identifier: Apache-2.0
// Prints the lines of a file of conformance cases: Noisewright.Conformance CASES [THREADS]
using Noisewright;
using Noisewright.Conformance;

if (args.Length is not (1 or 2))
{
    Console.Error.WriteLine("usage: Noisewright.Conformance CASES [THREADS]");
    return 2;
}
using var context = new NoisewrightContext(
    new ContextOptions { Threads = args.Length > 1 ? int.Parse(args[1]) : 0 });
foreach (string line in new Runner(context).Lines(args[0]))
{
    Console.Out.Write(line + "\n");
}
return 0;
