"""CFGs as text, for golden tests and `--verbose`: one line a block, small and stable."""

from analyzer.ir import Assign, Branch, Call, Function, Havoc, Instruction, Jump, Return, Stop, Switch, Terminator, show


def show_cfg(function: Function) -> str:
    """Return the graph: `B0  instructions; terminator` with edges behind an arrow."""
    lines = [f"{function.name}({', '.join(p.name for p in function.parameters)})"]
    for number, block in enumerate(function.blocks):
        loop = " (loop)" if number in function.loop_heads else ""
        words = "; ".join([*map(_instruction, block.instructions), _terminator(block.terminator)])
        lines.append(f"  B{number}{loop}  {words}")
    return "\n".join(lines) + "\n"


def _instruction(instruction: Instruction) -> str:
    match instruction:
        case Assign(target, value):
            return f"{show(target)} = {show(value)}"
        case Call(result, callee, arguments, used=used, implicit=implicit):
            words = f"{show(callee)}({', '.join(map(show, arguments))})"
            return f"{result} = {words}" if used else f"[{words}]" if implicit else words
        case Havoc(target):
            return f"{show(target)} = ?"
        case _:
            return "unknown"


def _terminator(terminator: Terminator) -> str:
    match terminator:
        case Jump(to):
            return f"→ B{to}"
        case Branch(condition, true, false):
            return f"branch {show(condition)}  true → B{true}, false → B{false}"
        case Switch(value, cases, default):
            arms = ", ".join(f"{show(low)}{f'...{show(high)}' if high else ''} → B{to}" for low, high, to in cases)
            return f"switch {show(value)}  {arms}, default → B{default}"
        case Return(value, implicit=implicit):
            return (
                "return" + (f" {show(value)}" if value is not None else "") + (" (end)" if implicit else "") + " → exit"
            )
        case Stop():
            return "stop"
