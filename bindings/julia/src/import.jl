# SPDX-License-Identifier: Apache-2.0
# Owns schedules made of other libraries' configurations, and what these say besides.

"""
    import_schedule(text; steps = 0, schedule = nothing, params...)

The schedule of another library's configuration: the JSON of a scheduler_config.json of diffusers, or
the name that k-diffusion, ComfyUI, A1111 or stable-diffusion.cpp gives a sampler, of which a grid's
may follow, as in `"DPM++ 2M Karras"`. `steps` are those of the run, 50 if 0; `schedule` is the
model's, of which names alone say nothing, `"sd15"` if nothing; `params` are what the class takes
when it is called: `eta`, `s_noise`, `order`, `strength`, `mu`, `tokens`, `even`. `imported` tells the
rest:

    schedule = import_schedule(read("scheduler_config.json", String); steps = 20)
    config   = imported(schedule)
    sampler  = Sampler(context, schedule, config.sampler; prediction = config.prediction,
                       clock = config.clock, times = grid(schedule, config.grid, config.steps),
                       rng = Rng(42))
    sample!(model!, x, sampler; start = config.start)
"""
function import_schedule(text; steps::Integer = 0, schedule = nothing, params...)
    model = schedule === nothing ? "" : c_string(schedule)
    names = [String(name) for name in keys(params)]
    out = Ref{Ptr{Raw.nwr_schedule}}(C_NULL)
    GC.@preserve model names begin
        list = [Raw.nwr_param(pointer(name), value) for (name, value) in zip(names, values(params))]
        GC.@preserve list begin
            options = Raw.nwr_import_options(
                steps = steps, param_count = length(list),
                params = isempty(list) ? C_NULL : pointer(list),
                schedule = schedule === nothing ? C_NULL : pointer(model))
            check(Raw.nwr_schedule_import(c_string(text), Ref(options), out))
        end
    end
    return Schedule(out[])
end

import_schedule(f::Function, text; settings...) = closing(f, import_schedule(text; settings...))

"""
    imported(schedule)

What `import_schedule` read besides the schedule, or nothing for other schedules: the specs `grid`
and `sampler`; `prediction`, `clock` and `start` for `Sampler` and `start!`; the `clock_scale` by which
the clock is multiplied for the model (1000 where timesteps are a flow's sigma times 1000); the
`steps`; the `source`, which is the class or the names in lower case; and `warnings` of what was not
followed, each as `"key=value: reason"`.
"""
function imported(schedule::Schedule)
    out = Ref(Raw.nwr_import())
    GC.@preserve schedule begin
        status = Raw.nwr_schedule_get_import(schedule, out)
        status == Raw.NWR_ERROR_INVALID_STATE && return nothing
        check(status)
        i = out[]
        # A number without a name does as well.
        name(domain, value) = something(name_of(domain, value), value)
        return (prediction = Quantity(i.prediction), clock = name(Raw.NWR_DOMAIN_CLOCK, i.clock),
                clock_scale = i.clock_scale, start = name(Raw.NWR_DOMAIN_START, i.start),
                steps = Int(i.steps), source = unsafe_string(i.source),
                grid = unsafe_string(i.grid), sampler = unsafe_string(i.sampler),
                warnings = [unsafe_string(unsafe_load(i.warnings, k)) for k in 1:i.warning_count])
    end
end
