# SPDX-License-Identifier: Apache-2.0
# Writes the docstrings of Noisewright.jl as two Markdown files into a folder: what the package does, and the
# constructors of names. Fails where a public name has no docstring.
using Noisewright

function entries(mod)
    found = Pair{String,String}[]
    for (binding, docs) in Base.Docs.meta(mod), signature in docs.order
        binding.mod === mod && binding.var !== nameof(mod) || continue
        push!(found, String(binding.var) => join(docs.docs[signature].text))
    end
    # A submodule is a chapter of its own.
    for name in setdiff(names(mod), Symbol.(first.(found)), [nameof(mod)])
        getfield(mod, name) isa Module || error("$mod.$name has no docstring")
    end
    return sort(found)
end

function write_entries(io, mod, heading)
    for (name, doc) in entries(mod)
        println(io, "\n", heading, " `", name, "`\n\n", strip(doc, '\n'))
    end
end

own = Base.Docs.meta(Noisewright)[Base.Docs.Binding(Noisewright, :Noisewright)]
open(joinpath(ARGS[1], "julia.md"), "w") do io
    println(io, "# Julia: functions and types\n\n", strip(join(only(values(own.docs)).text), '\n'),
            "\n\nConstructors of names have [a page of their own](julia-names.md).")
    write_entries(io, Noisewright, "##")
end
open(joinpath(ARGS[1], "julia-names.md"), "w") do io
    println(io, "# Julia: constructors of names")
    for mod in (Schedules, Grids, Samplers, Weights, Densities, Generators)
        println(io, "\n## `", nameof(mod), "`")
        write_entries(io, mod, "###")
    end
end
