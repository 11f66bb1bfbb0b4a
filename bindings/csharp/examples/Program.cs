// SPDX-License-Identifier: Apache-2.0
// Chooses an example by name. Each prints what its namesake in examples/c prints.
using Noisewright;
using Noisewright.Examples;

try
{
    switch (args)
    {
        case ["ddim"]: Ddim.Run(); return 0;
        case ["train"]: Train.Run(); return 0;
        case ["transform"]: Transform.Run(); return 0;
        case ["checkpoint"]: return Checkpoint.Run() ? 0 : 1;
        case ["recipes"]: Recipes.Run(); return 0;
        case ["list"]: List.Run(); return 0;
        case ["fashion", var library]: Fashion.Run(library, 10, null); return 0;
        case ["fashion", var library, var count]: Fashion.Run(library, int.Parse(count), null); return 0;
        case ["fashion", var library, var count, var picture]:
            Fashion.Run(library, int.Parse(count), picture);
            return 0;
    }
    Console.Error.WriteLine("usage: dotnet run -- ddim | train | transform | checkpoint | recipes | list\n" +
        "       dotnet run -- fashion LIBFASHION [PER_CLASS [PICTURE.pgm]]");
    return 2;
}
catch (NoisewrightException e)
{
    Console.Error.WriteLine($"noisewright: {e.Message}");
    return 1;
}
