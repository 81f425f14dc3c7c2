"""Ordinary disnake code against the sandbox. Only the base address is set.

Shorter than the scripts of the other libraries: what is of interest is what disnake does differently, such as answers
to interactions without a response, and commands that are compared before they are sent.
"""

import asyncio
import io
import logging

import disnake
import disnake.http
from disnake.ext import commands

import stage
from stage import PATIENCE, act, option, soon

disnake.http.Route.BASE = stage.API

check = stage.Checks()
RECONNECTING = r'Attempting a reconnect'
got = asyncio.Queue()
messages = []
world = None
bot = None


class World:
    """What the checks stand on."""


async def next_one():
    return await asyncio.wait_for(got.get(), PATIENCE)


class Bot(commands.InteractionBot):
    resumed = 0

    async def on_message(self, message):
        messages.append(message)

    async def on_resumed(self):
        self.resumed += 1

    async def on_slash_command_error(self, _, error):
        raise error


def heard(message_id):
    return disnake.utils.find(lambda m: m.id == int(message_id), messages)


def add_commands():
    @bot.slash_command(description='Takes options')
    async def all(
        interaction: disnake.ApplicationCommandInteraction,
        text: str,
        whole: int,
        truth: bool,
        person: disnake.Member,
        place: disnake.TextChannel,
        role: disnake.Role,
        real: float,
        file: disnake.Attachment,
    ):
        await got.put((interaction, text, whole, truth, person, place, role, real, file))

    @bot.slash_command(description='Deploys')
    async def deploy(_):
        pass

    @deploy.sub_command(description='Starts')
    async def start(interaction, host: str):
        await got.put((interaction, host))

    @start.autocomplete('host')
    async def hosts(_, typed: str):
        return {f'Host {h}': h for h in ('web01', 'web02', 'db01') if h.startswith(typed)}

    @bot.message_command(name='Repeat this')
    async def repeat(interaction, message: disnake.Message):
        await got.put((interaction, message))


@check('voice will NOT be supported')
async def login_and_command_sync():
    global bot, world
    world = World()
    defaults = await act('defaults')
    intents = disnake.Intents.default()
    intents.members = intents.message_content = True
    bot = Bot(intents=intents, test_guilds=[int(defaults['guild_id'])])
    add_commands()
    world.operator = stage.Person(defaults['user_id'], defaults)
    world.running = asyncio.create_task(bot.start(defaults['bot_token']))
    ready = asyncio.create_task(bot.wait_until_ready())
    await asyncio.wait([world.running, ready], timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
    if world.running.done():
        world.running.result()
    assert bot.is_ready() and bot.user.id == int(defaults['application_id'])
    world.guild = bot.get_guild(int(defaults['guild_id']))
    world.channel = bot.get_channel(int(defaults['channel_id']))
    assert world.guild.member_count == 5 and world.guild.self_role is not None
    await soon(registered, 'the commands registered')


async def registered():
    return {c.name for c in await bot.fetch_guild_commands(world.guild.id)} == {'all', 'deploy', 'Repeat this'}


@check()
async def slash_commands():
    role = disnake.utils.get(world.guild.roles, name='Approver')
    ops = disnake.utils.get(world.guild.text_channels, name='ops')
    await world.operator.slash('all', [
        option('text', 3, 'häɪ'), option('whole', 4, 2**53 - 1), option('truth', 5, True),
        option('person', 6, str(world.operator.id)), option('place', 7, str(ops.id)), option('role', 8, str(role.id)),
        option('real', 10, -0.5), option('file', 11, {'filename': 'a.txt', 'content': 'attached'}),
    ])  # fmt: skip
    interaction, text, whole, truth, person, place, given, real, file = await next_one()
    assert (text, whole, truth, real) == ('häɪ', 2**53 - 1, True, -0.5)
    assert person.id == world.operator.id and place == ops and given == role and await file.read() == b'attached'
    await interaction.response.send_message('all there')
    message = await interaction.original_response()
    assert message.content == 'all there' and message.interaction_metadata.user.id == world.operator.id
    typed = [{'name': 'start', 'type': 1, 'options': [{'name': 'host', 'type': 3, 'value': 'db', 'focused': True}]}]
    answer = await world.operator.do('autocomplete', name='deploy', options=typed)
    assert answer['choices'] == [{'name': 'Host db01', 'value': 'db01'}], answer
    await world.operator.slash('deploy', [{'name': 'start', 'type': 1, 'options': [option('host', 3, 'db01')]}])
    interaction, host = await next_one()
    await interaction.response.defer(ephemeral=True)
    assert host == 'db01' and (await interaction.edit_original_response('done')).content == 'done'
    more = await interaction.followup.send('more', wait=True)
    assert (await world.operator.sees(more.id))['content'] == 'more'
    await world.operator.slash('Repeat this', type=3, target_id=str(message.id))
    interaction, target = await next_one()
    assert target.id == message.id
    await interaction.response.send_message('again', ephemeral=True)


@check()
async def components_and_modals():
    class Rows(disnake.ui.View):
        @disnake.ui.button(label='Go', custom_id='go')
        async def go(self, _, interaction):
            await got.put(interaction)

        @disnake.ui.user_select(custom_id='who')
        async def who(self, select, interaction):
            await got.put((interaction, select.values))

    message = await world.channel.send('press', view=Rows(timeout=None))
    await world.operator.select(message, 'who', [str(world.operator.id)])
    interaction, values = await next_one()
    assert [u.id for u in values] == [world.operator.id]
    await interaction.response.defer()
    await world.operator.click(message, 'go')
    interaction = await next_one()
    why = disnake.ui.TextInput(label='Why', custom_id='why')
    await interaction.response.send_modal(title='Reason', custom_id='reason', components=[why])
    submitted = asyncio.create_task(bot.wait_for('modal_submit', timeout=PATIENCE))
    await asyncio.sleep(0)
    await world.operator.do('modal_submit', fields={'why': 'because'})
    interaction = await submitted
    assert interaction.text_values == {'why': 'because'}
    await interaction.response.edit_message('so', view=None)
    assert (await world.channel.fetch_message(message.id)).content == 'so'
    orange = disnake.Colour(0xE0A000)
    card = disnake.ui.Container(disnake.ui.TextDisplay('**Run 1**'), disnake.ui.Separator(), accent_colour=orange)
    message = await world.channel.send(components=[card])
    assert message.flags.is_components_v2 and message.components[0].children[0].content == '**Run 1**'


@check()
async def threads_and_files():
    message = await world.channel.send('start', file=disnake.File(io.BytesIO(b'\0\1\2'), 'b.bin'))
    assert await message.attachments[0].read() == b'\0\1\2'
    thread = await message.create_thread(name='Output', auto_archive_duration=60)
    posted = await thread.send('in the thread')
    assert posted.channel.id == thread.id == message.id
    await thread.edit(archived=True)
    assert thread.id in {t.id async for t in world.channel.archived_threads()}
    await message.add_reaction('✅')
    assert (await world.channel.fetch_message(message.id)).reactions[0].me


@check(RECONNECTING)
async def a_dropped_connection_loses_nothing():
    await act('drop_gateway', how='tcp')
    sent = [await world.operator.do('message', content=f'away {n}') for n in range(3)]
    await soon(lambda: bot.resumed > 0, 'resumed')
    await soon(lambda: heard(sent[-1]['message_id']), 'the last message')
    ids = [int(m['message_id']) for m in sent]
    assert [m.id for m in messages if m.id in ids] == ids


@check()
async def a_clean_logout():
    await bot.close()
    await asyncio.wait_for(world.running, PATIENCE)
    await soon(gone, 'no gateway connection left')


async def gone():
    return (await act('stats'))['gateway_connections'] == 0


if __name__ == '__main__':
    logging.getLogger('asyncio').setLevel(logging.WARNING)
    stage.end(asyncio.run(check.run()))
