"""`mapred fs help` and `usage`: what the verbs take."""

import click


@click.command("help")
@click.argument("verbs", nargs=-1, metavar="[VERB]...")
@click.pass_context
def help_(ctx: click.Context, verbs: tuple[str, ...]) -> None:
    """Show what verbs do, or which there are.

    \b
    mapred fs help put
    """
    if not verbs and ctx.parent:
        click.echo(ctx.parent.get_help())
    for verb_context in _contexts(ctx, verbs):
        click.echo(verb_context.get_help())


@click.command()
@click.argument("verbs", nargs=-1, metavar="[VERB]...")
@click.pass_context
def usage(ctx: click.Context, verbs: tuple[str, ...]) -> None:
    """Show one line for each verb: its options and paths.

    \b
    mapred fs usage put
    """
    for verb_context in _contexts(ctx, verbs or _all(ctx)):
        words = " ".join(verb_context.command.collect_usage_pieces(verb_context))
        click.echo(f"{verb_context.command_path} {words}")


def _all(ctx: click.Context) -> tuple[str, ...]:
    assert ctx.parent is not None
    assert isinstance(ctx.parent.command, click.Group)
    return tuple(ctx.parent.command.list_commands(ctx.parent))


def _contexts(ctx: click.Context, verbs: tuple[str, ...]) -> list[click.Context]:
    """A context for each verb, as if it had been typed.

    Raises:
        click.UsageError: an unknown verb, with the nearest.
    """
    assert ctx.parent is not None
    group = ctx.parent.command
    assert isinstance(group, click.Group)
    found = []
    for verb in verbs:
        name, command, _ = group.resolve_command(ctx.parent, [verb.removeprefix("-")])
        if command is not None:
            found.append(click.Context(command, info_name=name, parent=ctx.parent))
    return found
