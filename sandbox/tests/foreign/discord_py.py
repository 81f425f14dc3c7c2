"""Ordinary discord.py code against the sandbox. Only the two base addresses are set."""

import asyncio
import datetime
import io
import logging
import typing

import discord
import discord.gateway
import yarl
from discord import app_commands, ui

import stage
from stage import GATEWAY, PATIENCE, act, option, soon

discord.http.Route.BASE = stage.API
discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(GATEWAY)

check = stage.Checks()
RATE_LIMITED = r'We are being rate limited|Global rate limit'
# Log of a connection that a check breaks on purpose.
RECONNECTING = r'Attempting a reconnect|Shard ID None has (disconnected|stopped)'


class Bot(discord.Client):
    def __init__(self):
        intents = discord.Intents.default()
        intents.message_content = True
        intents.members = True
        super().__init__(intents=intents)
        self.tree = app_commands.CommandTree(self)
        self.tree.on_error = self.on_tree_error
        self.got = asyncio.Queue()
        self.messages = []
        self.resumed = 0
        self.readies = 0
        self.events = []

    async def on_tree_error(self, interaction, error):
        raise error

    async def on_message(self, message):
        self.messages.append(message)

    async def on_resumed(self):
        self.resumed += 1

    async def on_ready(self):
        self.readies += 1

    async def on_socket_event_type(self, event):
        self.events.append(event)

    async def next(self):
        return await asyncio.wait_for(self.got.get(), PATIENCE)


bot = Bot()
tree = bot.tree
world = None


class World:
    """What the checks stand on."""


# --- Commands ---------------------------------------------------------------------------------------------------


@tree.command(name='ping', description='Answers')
async def ping(interaction: discord.Interaction):
    await bot.got.put(interaction)


@app_commands.command(name='all', description='Takes every kind of option')
@app_commands.describe(text='A text', file='A file')
@app_commands.choices(choice=[app_commands.Choice(name='One', value=1), app_commands.Choice(name='Two', value=2)])
async def everything(
    interaction: discord.Interaction,
    text: app_commands.Range[str, 1, 20],
    whole: app_commands.Range[int, -5, 2**53 - 1],
    truth: bool,
    person: discord.Member,
    place: discord.TextChannel,
    role: discord.Role,
    whom: typing.Union[discord.Member, discord.Role],
    real: app_commands.Range[float, 0.5, None],
    file: discord.Attachment,
    choice: app_commands.Choice[int],
    left_out: typing.Optional[str] = None,
):
    await bot.got.put((interaction, {k: v for k, v in interaction.namespace}, person, place, role, whom, file, choice, left_out))


class Deploy(app_commands.Group):
    """Sub-commands and a group of them."""

    below = app_commands.Group(name='below', description='A group in a group')

    @app_commands.command(description='Starts')
    async def start(self, interaction: discord.Interaction, host: str, times: int = 1):
        await bot.got.put((interaction, host, times))

    @start.autocomplete('host')
    async def hosts(self, interaction: discord.Interaction, current: str):
        hosts = ['web01', 'web02', 'db01']
        return [app_commands.Choice(name=f'Host {h}', value=h) for h in hosts if h.startswith(current)]

    @below.command(name='deeper', description='At the bottom')
    async def deeper(self, interaction: discord.Interaction, number: int):
        await bot.got.put((interaction, number))


@app_commands.context_menu(name='Repeat this')
async def repeat(interaction: discord.Interaction, message: discord.Message):
    await bot.got.put((interaction, message))


@app_commands.context_menu(name='Greet')
async def greet(interaction: discord.Interaction, member: discord.Member):
    await bot.got.put((interaction, member))


@app_commands.command(name='guarded', description='For those who manage the guild')
@app_commands.default_permissions(manage_guild=True)
async def guarded(interaction: discord.Interaction):
    await bot.got.put(interaction)


# --- Login and commands -----------------------------------------------------------------------------------------


@check('voice will NOT be supported')
async def login_and_guild():
    global world
    world = World()
    defaults = await act('defaults')
    world.defaults = defaults
    world.operator = stage.Person(defaults['user_id'], defaults)
    world.approver = stage.Person(defaults['user2_id'], defaults)
    await bot.login(defaults['bot_token'])
    assert bot.user.id == bot.application_id == int(defaults['application_id'])
    world.connection = asyncio.create_task(bot.connect())
    ready = asyncio.create_task(bot.wait_until_ready())
    await asyncio.wait([world.connection, ready], timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
    if world.connection.done():
        world.connection.result()
    assert bot.is_ready(), 'not ready'
    world.guild = guild = bot.get_guild(int(defaults['guild_id']))
    world.channel = bot.get_channel(int(defaults['channel_id']))
    assert guild.name and guild.owner_id == int(defaults['owner_id'])
    assert {c.name for c in guild.text_channels} >= {'general', 'ops', 'audit'}, guild.channels
    assert guild.default_role.name == '@everyone' and guild.default_role.is_default()
    assert guild.me.id == bot.user.id and guild.me.guild_permissions.send_messages
    assert guild.get_role(guild.me.top_role.id).is_bot_managed() or guild.me.top_role.managed
    assert guild.chunked and guild.member_count == len(guild.members) == 5, guild.members
    member = guild.get_member(world.operator.id)
    assert [r.name for r in member.roles] == ['@everyone', 'Operator']
    assert abs(discord.utils.utcnow() - member.joined_at) < datetime.timedelta(minutes=5)


@check()
async def reads_over_rest():
    guild = world.guild
    info = await bot.application_info()
    assert info.id == bot.application_id and info.owner.id == guild.owner_id and len(info.verify_key) == 64
    assert (await bot.fetch_guild(guild.id)).approximate_member_count == 5
    assert [g.id async for g in bot.fetch_guilds()] == [guild.id]
    assert (await bot.fetch_channel(world.channel.id)).name == world.channel.name
    assert {c.id for c in await guild.fetch_channels()} == {c.id for c in guild.channels}
    assert {r.name for r in await guild.fetch_roles()} >= {'@everyone', 'Operator', 'Approver'}
    assert {m.id async for m in guild.fetch_members()} == {m.id for m in guild.members}
    assert (await guild.fetch_member(world.operator.id)).id == world.operator.id
    assert (await bot.fetch_user(world.operator.id)).name == 'operator'
    assert [m.id for m in await guild.query_members('oper')] == [world.operator.id]
    try:
        await bot.fetch_user(1)
    except discord.NotFound as error:
        assert error.code == 10013
    else:
        raise AssertionError('an unknown user was found')


@check()
async def global_commands():
    synced = await tree.sync()
    assert [c.name for c in synced] == ['ping'], synced
    fetched = await tree.fetch_commands()
    assert [(c.id, c.name, c.description) for c in fetched] == [(synced[0].id, 'ping', 'Answers')]
    edited = await fetched[0].edit(description='Answers politely')
    assert edited.id == fetched[0].id and (await tree.fetch_command(edited.id)).description == 'Answers politely'
    again = await tree.sync()
    assert again[0].id == synced[0].id, 'an identical command changes its id'
    await world.operator.slash('ping')
    interaction = await bot.next()
    assert interaction.command.name == 'ping'
    await interaction.response.send_message('pong')


@check()
async def guild_commands():
    guild = discord.Object(world.guild.id)
    for command in [everything, Deploy(name='deploy', description='Deploys'), repeat, greet, guarded]:
        tree.add_command(command, guild=guild)
    synced = {c.name: c for c in await tree.sync(guild=guild)}
    assert set(synced) == {'all', 'deploy', 'Repeat this', 'Greet', 'guarded'}
    wanted = everything.to_dict(tree)['options']
    options = [o.to_dict() for o in synced['all'].options]
    assert [(o['name'], o['type'], o['required']) for o in options] == [
        (o['name'], o['type'], o['required']) for o in wanted
    ]
    assert {o['type'] for o in options} == set(range(3, 12)), 'an option type is missing'
    assert (options[0]['min_length'], options[0]['max_length']) == (1, 20)
    assert (options[1]['min_value'], options[1]['max_value']) == (-5, 2**53 - 1)
    assert [c['name'] for c in options[9]['choices']] == ['One', 'Two']
    assert synced['Greet'].type is discord.AppCommandType.user
    assert synced['guarded'].default_member_permissions == discord.Permissions(manage_guild=True)
    deploy = synced['deploy']
    assert [type(o).__name__ for o in deploy.options] == ['AppCommandGroup', 'AppCommandGroup']
    assert deploy.guild_id == world.guild.id
    world.deploy = deploy
    try:
        await tree.fetch_command(1, guild=guild)
    except discord.NotFound as error:
        assert error.code == 10063, error.code


@check()
async def a_slash_command_with_every_option():
    role = discord.utils.get(world.guild.roles, name='Operator')
    place = discord.utils.get(world.guild.text_channels, name='ops')
    values = [
        option('text', 3, 'häɪ'), option('whole', 4, 2**53 - 1), option('truth', 5, False),
        option('person', 6, str(world.approver.id)), option('place', 7, str(place.id)), option('role', 8, str(role.id)),
        option('whom', 9, str(role.id)), option('real', 10, 1.25),
        option('file', 11, {'filename': 'a.txt', 'content': 'attached'}), option('choice', 4, 2),
    ]  # fmt: skip
    await world.operator.slash('all', values)
    interaction, namespace, person, channel, given_role, whom, file, choice, left_out = await bot.next()
    assert namespace['text'] == 'häɪ' and namespace['whole'] == 2**53 - 1 and namespace['truth'] is False
    assert namespace['real'] == 1.25 and left_out is None and choice.name == 'Two'
    assert isinstance(person, discord.Member) and person.id == world.approver.id
    assert person.resolved_permissions.send_messages, 'the resolved member has no permissions'
    assert channel.id == place.id and channel.name == 'ops', channel
    assert given_role.id == whom.id == role.id and isinstance(whom, discord.Role)
    assert file.filename == 'a.txt' and await file.read() == b'attached' and file.size == 8
    assert interaction.user.id == world.operator.id and isinstance(interaction.user, discord.Member)
    assert interaction.permissions.use_application_commands and interaction.app_permissions.send_messages
    assert interaction.guild_locale == discord.Locale.american_english and interaction.context.guild
    assert interaction.is_guild_integration() and interaction.guild_id == world.guild.id
    assert interaction.channel.id == world.channel.id and interaction.expires_at > discord.utils.utcnow()
    response = await interaction.response.send_message('all there')
    assert response.message_id and response.type is discord.InteractionResponseType.channel_message
    message = response.resource
    assert message.content == 'all there' and message.type is discord.MessageType.chat_input_command
    assert message.interaction_metadata.user.id == world.operator.id
    assert (await world.operator.sees(message.id))['content'] == 'all there'


@check()
async def sub_commands_and_autocomplete():
    typed = [{'name': 'start', 'type': 1, 'options': [{'name': 'host', 'type': 3, 'value': 'we', 'focused': True}]}]
    answer = await world.operator.do('autocomplete', name='deploy', options=typed)
    assert answer['choices'] == [{'name': f'Host {h}', 'value': h} for h in ('web01', 'web02')], answer
    await world.operator.slash('deploy', [{'name': 'start', 'type': 1, 'options': [option('host', 3, 'web01')]}])
    interaction, host, times = await bot.next()
    assert (host, times, interaction.command.qualified_name) == ('web01', 1, 'deploy start')
    await interaction.response.send_message('started')
    deeper = {'name': 'deeper', 'type': 1, 'options': [option('number', 4, 7)]}
    await world.operator.slash('deploy', [{'name': 'below', 'type': 2, 'options': [deeper]}])
    interaction, number = await bot.next()
    assert (number, interaction.command.qualified_name) == (7, 'deploy below deeper')
    await interaction.response.send_message('down there')


@check()
async def context_menus():
    sent = await world.operator.do('message', content='say it again')
    await world.approver.slash('Repeat this', type=3, target_id=sent['message_id'])
    interaction, message = await bot.next()
    assert message.content == 'say it again' and message.author.id == world.operator.id
    await interaction.response.send_message(message.content, ephemeral=True)
    await world.approver.slash('Greet', type=2, target_id=str(world.operator.id))
    interaction, member = await bot.next()
    assert member.id == world.operator.id and isinstance(member, discord.Member)
    await interaction.response.send_message(f'Hello {member.mention}')
    original = await interaction.original_response()
    assert [m.id for m in original.mentions] == [member.id]


# --- Answers ----------------------------------------------------------------------------------------------------


@check()
async def defer_edit_and_follow_up():
    await world.operator.slash('ping')
    interaction = await bot.next()
    answer = await interaction.response.defer(thinking=True)
    assert answer.is_thinking() if hasattr(answer, 'is_thinking') else answer.message_id
    waiting = await soon(lambda: discord.utils.find(lambda m: m.id == answer.message_id, bot.messages), 'placeholder')
    assert waiting.flags.loading and waiting.author.id == bot.user.id
    edited = await interaction.edit_original_response(content='done', embed=discord.Embed(title='T', colour=0x2ECC71))
    assert edited.id == answer.message_id and not edited.flags.loading and edited.content == 'done'
    assert edited.embeds[0].type == 'rich' and edited.embeds[0].colour.value == 0x2ECC71
    plain = await interaction.followup.send('plain', wait=True)
    hidden = await interaction.followup.send('hidden', ephemeral=True, wait=True)
    assert hidden.flags.ephemeral and not plain.flags.ephemeral
    assert (await world.operator.sees(hidden.id))['content'] == 'hidden'
    assert await world.approver.sees(hidden.id) is None and await world.approver.sees(plain.id)
    changed = await hidden.edit(content='still hidden')
    assert changed.content == 'still hidden'
    assert (await interaction.followup.fetch_message(plain.id)).content == 'plain'
    await plain.delete()
    assert await world.approver.sees(plain.id) is None
    try:
        await world.channel.fetch_message(hidden.id)
    except discord.NotFound as error:
        assert error.code == 10008
    else:
        raise AssertionError('an ephemeral message is in the history')
    await interaction.delete_original_response()
    assert await world.operator.sees(edited.id) is None


@check()
async def answering_twice_and_too_late():
    await world.operator.slash('ping')
    interaction = await bot.next()
    await interaction.response.send_message('first', ephemeral=True)
    twice = interaction.client.http
    adapter = discord.webhook.async_.async_context.get()
    params = discord.webhook.async_.interaction_message_response_params(type=4, content='second')
    try:
        await adapter.create_interaction_response(
            interaction.id, interaction.token, session=interaction._session, params=params
        )
    except discord.HTTPException as error:
        assert error.code == 40060, error
    else:
        raise AssertionError('answered twice')
    started = await world.operator.slash('ping')
    interaction = await bot.next()
    await act('expire_interaction', interaction_id=started['interaction_id'])
    try:
        await interaction.response.send_message('late')
    except discord.NotFound as error:
        assert error.code == 10062, error
    else:
        raise AssertionError('answered too late')
    assert twice is not None


# --- Messages ---------------------------------------------------------------------------------------------------


@check()
async def messages_replies_pins_and_reactions():
    channel = world.channel
    async with channel.typing():
        message = await channel.send('one', nonce='n-1')
    assert message.content == 'one' and message.author.id == bot.user.id and message.created_at.tzinfo
    edited = await message.edit(content='two')
    assert edited.content == 'two' and edited.edited_at
    reply = await message.reply('three', mention_author=False)
    assert reply.type is discord.MessageType.reply and reply.reference.message_id == message.id
    assert reply.reference.resolved.content == 'two'
    fetched = await channel.fetch_message(reply.id)
    assert fetched.reference.resolved.id == message.id, 'no referenced_message when fetched'
    await message.pin()
    assert message.id in {m.id async for m in channel.pins()}
    await message.unpin()
    assert message.id not in {m.id async for m in channel.pins()}
    await message.add_reaction('✅')
    await message.add_reaction('👍')
    fetched = await channel.fetch_message(message.id)
    assert [(r.emoji, r.count, r.me) for r in fetched.reactions] == [('✅', 1, True), ('👍', 1, True)]
    assert [u.id async for u in fetched.reactions[0].users()] == [bot.user.id]
    await message.remove_reaction('👍', bot.user)
    await grant('manage_messages')
    await message.clear_reactions()
    await revoke('manage_messages')
    assert (await channel.fetch_message(message.id)).reactions == []
    await reply.delete()
    try:
        await reply.delete()
    except discord.NotFound as error:
        assert error.code == 10008
    else:
        raise AssertionError('deleted twice')
    sent = await world.operator.do('message', content=f'hello <@{bot.user.id}>')
    heard = await soon(
        lambda: discord.utils.find(lambda m: m.id == int(sent['message_id']), bot.messages), 'a message of a person'
    )
    assert heard.author.id == world.operator.id and bot.user in heard.mentions and heard.content.startswith('hello')
    assert isinstance(heard.author, discord.Member) and heard.guild.id == world.guild.id


@check()
async def history_and_bulk_delete():
    channel = discord.utils.get(world.guild.text_channels, name='audit')
    sent = [await channel.send(str(n)) for n in range(7)]
    newest = [m.content async for m in channel.history(limit=3)]
    assert newest == ['6', '5', '4'], newest
    oldest = [m.content async for m in channel.history(limit=3, oldest_first=True)]
    assert oldest == ['0', '1', '2'], oldest
    around = [m.content async for m in channel.history(limit=3, around=sent[3])]
    assert sorted(around) == ['2', '3', '4'], around
    before = [m.content async for m in channel.history(before=sent[2])]
    assert before == ['1', '0'], before
    bulk = asyncio.create_task(bot.wait_for('raw_bulk_message_delete', timeout=PATIENCE))
    await asyncio.sleep(0)
    try:
        await channel.delete_messages(sent[:3])
    except discord.Forbidden as error:
        assert error.code == 50013
    else:
        raise AssertionError('messages deleted in bulk without Manage Messages')
    await grant('manage_messages')
    await channel.delete_messages(sent[:3])
    assert (await bulk).message_ids == {m.id for m in sent[:3]}
    assert [m.content async for m in channel.history()] == ['6', '5', '4', '3']
    assert len(await channel.purge(limit=2)) == 2


async def grant(*names, given=True):
    """Gives the bot's own role more permissions."""
    role = discord.utils.get(await world.guild.fetch_roles(), id=world.guild.me.top_role.id)
    bits = role.permissions
    bits.update(**dict.fromkeys(names, given))
    await act('guild', role_permissions=[{'role_id': str(role.id), 'permissions': str(bits.value)}])


async def revoke(*names):
    """Takes them away again."""
    await grant(*names, given=False)


@check()
async def attachments_up_and_down():
    data = bytes(range(256)) * 400
    files = [discord.File(io.BytesIO(data), 'bytes.bin', description='all bytes'), discord.File(io.BytesIO(b'x'), 'ü ".txt')]
    message = await world.channel.send('with files', files=files)
    first, second = message.attachments
    assert first.filename == 'bytes.bin' and first.size == len(data) and first.description == 'all bytes'
    assert await first.read() == data and await second.read() == b'x'
    kept = await message.edit(attachments=[first, discord.File(io.BytesIO(b'later'), 'later.txt')])
    assert [a.filename for a in kept.attachments] == ['bytes.bin', 'later.txt'] and kept.attachments[0].id == first.id
    assert await kept.attachments[1].read() == b'later'
    spoiler = await world.channel.send(file=discord.File(io.BytesIO(b's'), 's.txt', spoiler=True))
    assert spoiler.attachments[0].is_spoiler()
    assert (await message.edit(attachments=[])).attachments == []


@check()
async def threads():
    message = await world.channel.send('start')
    started = asyncio.create_task(bot.wait_for('thread_create', timeout=PATIENCE))
    await asyncio.sleep(0)
    thread = await message.create_thread(name='Output', auto_archive_duration=60)
    assert thread.id == message.id and thread.parent_id == world.channel.id and thread.owner_id == bot.user.id
    assert (await started).id == thread.id
    assert (await world.channel.fetch_message(message.id)).flags.has_thread
    posted = await thread.send('in the thread')
    assert posted.channel.id == thread.id and isinstance(posted.channel, discord.Thread)
    try:
        await message.create_thread(name='Again')
    except discord.HTTPException as error:
        assert error.code == 160004, error
    else:
        raise AssertionError('two threads of one message')
    assert thread.id in {t.id for t in await world.guild.active_threads()}
    await thread.add_user(discord.Object(world.approver.id))
    assert {m.id for m in await thread.fetch_members()} == {bot.user.id, world.approver.id}
    archived = await thread.edit(name='Output, done', archived=True)
    assert archived.archived and archived.name == 'Output, done'
    assert thread.id in {t.id async for t in world.channel.archived_threads()}
    assert thread.id not in {t.id for t in await world.guild.active_threads()}
    await thread.send('wakes it up')
    opened = await bot.fetch_channel(thread.id)
    assert not opened.archived and opened.message_count == 2, opened.message_count
    locked = await opened.edit(archived=True, locked=True)
    assert locked.locked
    opened = await locked.edit(archived=False, locked=False)
    assert not opened.archived and not opened.locked
    await opened.remove_user(discord.Object(world.approver.id))
    private = await world.channel.create_thread(name='Private', type=discord.ChannelType.private_thread)
    assert private.is_private()
    public = await world.channel.create_thread(name='Public', type=discord.ChannelType.public_thread)
    assert public.id != public.last_message_id and not public.is_private()
    deleted = asyncio.create_task(bot.wait_for('thread_delete', timeout=PATIENCE))
    await asyncio.sleep(0)
    await public.delete()
    assert (await deleted).id == public.id


# --- Components -------------------------------------------------------------------------------------------------


class Rows(ui.View):
    def __init__(self):
        super().__init__(timeout=None)
        self.add_item(ui.Button(label='Link', url='https://example.org'))

    @ui.button(label='Go', style=discord.ButtonStyle.success, custom_id='go', emoji='🚀')
    async def go(self, interaction, button):
        await bot.got.put((interaction, button))


def selects():
    view = ui.View(timeout=None)
    kinds = [
        ui.Select(custom_id='strings', max_values=2, options=[discord.SelectOption(label=c.upper(), value=c) for c in 'abc']),
        ui.UserSelect(custom_id='users'),
        ui.RoleSelect(custom_id='roles'),
        ui.MentionableSelect(custom_id='mentionables', max_values=2),
        ui.ChannelSelect(custom_id='channels', channel_types=[discord.ChannelType.text]),
    ]  # fmt: skip
    for select in kinds:

        async def chosen(interaction, select=select):
            await bot.got.put((interaction, select.values))

        select.callback = chosen
        view.add_item(select)
    return view


@check()
async def buttons():
    message = await world.channel.send('press', view=Rows())
    assert [c.style for c in message.components[0].children] == [discord.ButtonStyle.success, discord.ButtonStyle.link]
    await world.operator.click(message, 'go')
    interaction, button = await bot.next()
    assert button.label == 'Go' and interaction.message.id == message.id
    assert interaction.type is discord.InteractionType.component
    await interaction.response.edit_message(content='pressed', view=None)
    assert (await world.channel.fetch_message(message.id)).content == 'pressed'
    await interaction.followup.send('and more', ephemeral=True)
    message = await world.channel.send('press later', view=Rows())
    await world.approver.click(message, 'go')
    interaction, button = await bot.next()
    await interaction.response.defer()
    original = await interaction.original_response()
    assert original.id == message.id
    edited = await interaction.edit_original_response(content='pressed later')
    assert edited.id == message.id and edited.components, 'components are lost'


@check()
async def five_selects():
    message = await world.channel.send('choose', view=selects())
    role = discord.utils.get(world.guild.roles, name='Approver')
    ops = discord.utils.get(world.guild.text_channels, name='ops')
    person = str(world.operator.id)
    for custom_id, values in [
        ('strings', ['a', 'c']), ('users', [person]), ('roles', [str(role.id)]),
        ('mentionables', [str(role.id), person]), ('channels', [str(ops.id)]),
    ]:  # fmt: skip
        await world.operator.select(message, custom_id, values)
        interaction, chosen = await bot.next()
        got = [c if isinstance(c, str) else str(c.id) for c in chosen]
        assert sorted(got) == sorted(values), (custom_id, chosen)
        await interaction.response.send_message(custom_id, ephemeral=True)


@check()
async def a_card_of_components_v2():
    class Card(ui.LayoutView):
        def __init__(self, text):
            super().__init__(timeout=None)
            button = ui.Button(label='Cancel', style=discord.ButtonStyle.danger, custom_id='cancel')
            button.callback = self.cancel
            self.add_item(
                ui.Container(
                    ui.TextDisplay(text),
                    ui.Section(ui.TextDisplay('left'), accessory=button),
                    ui.Separator(spacing=discord.SeparatorSpacing.large),
                    ui.File('attachment://log.txt'),
                    ui.MediaGallery(discord.MediaGalleryItem('attachment://dot.png', description='a dot')),
                    ui.ActionRow(ui.Button(label='Docs', url='https://example.org')),
                    accent_colour=0xE0A000,
                )
            )

        async def cancel(self, interaction):
            await bot.got.put(interaction)

    files = [discord.File(io.BytesIO(b'log'), 'log.txt'), discord.File(io.BytesIO(PNG), 'dot.png')]
    message = await world.channel.send(view=Card('**Run 1**'), files=files)
    assert message.flags.components_v2 and not message.content
    container = message.components[0]
    kinds = [c.type.name for c in container.children]
    assert kinds == ['text_display', 'section', 'separator', 'file', 'media_gallery', 'action_row'], kinds
    assert container.accent_colour.value == 0xE0A000 and all(c.id for c in container.children)
    assert container.children[3].media.url.startswith('http'), container.children[3].media.url
    assert container.children[3].size == 3 and container.children[3].name == 'log.txt'
    edited = await message.edit(view=Card('**Run 1**: ended'))
    assert edited.components[0].children[0].content == '**Run 1**: ended'
    await world.operator.click(message, 'cancel')
    interaction = await bot.next()
    await interaction.response.edit_message(view=Card('cancelled'))
    assert (await world.channel.fetch_message(message.id)).components[0].children[0].content == 'cancelled'
    try:
        await message.edit(content='plain text')
    except discord.HTTPException as error:
        assert error.code == 50035, error
    else:
        raise AssertionError('content in a message of components V2')


PNG = bytes.fromhex(
    '89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489'
    '0000000d49444154789c63606060f80f0001040100c2b1d0d10000000049454e44ae426082'
)


class Form(ui.Modal, title='Reason'):
    why = ui.TextInput(label='Why', custom_id='why', style=discord.TextStyle.paragraph, max_length=50)

    async def on_submit(self, interaction):
        await bot.got.put((interaction, self.why.value))


@check()
async def a_modal():
    await world.operator.slash('ping')
    interaction = await bot.next()
    await interaction.response.send_modal(Form())
    shown = await world.operator.do('modal_open')
    assert shown['modal']['title'] == 'Reason', shown
    await world.operator.do('modal_submit', fields={'why': 'because'})
    interaction, why = await bot.next()
    assert why == 'because' and interaction.type is discord.InteractionType.modal_submit
    await interaction.response.send_message(f'So: {why}')
    assert (await interaction.original_response()).content == 'So: because'


@check()
async def a_modal_with_labels_from_a_button():
    class Labelled(ui.Modal, title='Choose'):
        text = ui.TextDisplay('Read this first')
        what = ui.Label(
            text='What',
            description='One of them',
            component=ui.Select(custom_id='what', options=[discord.SelectOption(label='A', value='a')]),
        )
        who = ui.Label(text='Who', component=ui.UserSelect(custom_id='who'))
        note = ui.Label(text='Note', component=ui.TextInput(custom_id='note', required=False))

        async def on_submit(self, interaction):
            values = (self.what.component.values, self.who.component.values, self.note.component.value)
            await bot.got.put((interaction, values))

    message = await world.channel.send('press', view=Rows())
    await world.operator.click(message, 'go')
    interaction, _ = await bot.next()
    await interaction.response.send_modal(Labelled())
    fields = {'what': ['a'], 'who': [str(world.approver.id)], 'note': ''}
    await world.operator.do('modal_submit', fields=fields)
    interaction, (what, who, note) = await bot.next()
    assert what == ['a'] and [u.id for u in who] == [world.approver.id] and note == ''
    assert interaction.message.id == message.id
    await interaction.response.edit_message(content='chosen')
    assert (await world.channel.fetch_message(message.id)).content == 'chosen'


# --- Errors -----------------------------------------------------------------------------------------------------


@check()
async def errors_are_discords():
    channel = discord.utils.get(world.guild.text_channels, name='ops')
    deny = str(discord.Permissions(send_messages=True).value)
    overwrite = {'channel_id': str(channel.id), 'id': str(world.guild.id), 'allow': '0', 'deny': deny}
    await act('guild', overwrites=[overwrite])
    try:
        await channel.send('not allowed')
    except discord.Forbidden as error:
        assert error.code == 50013 and error.status == 403
    else:
        raise AssertionError('posted without the permission')
    await soon(lambda: not channel.permissions_for(world.guild.me).send_messages, 'CHANNEL_UPDATE')
    deny = str(discord.Permissions(view_channel=True).value)
    await act('guild', overwrites=[{**overwrite, 'deny': deny}])
    try:
        await bot.http.get_channel(channel.id)
    except discord.Forbidden as error:
        assert error.code == 50001, error
    else:
        raise AssertionError('read without the permission')
    await act('guild', overwrites=[{**overwrite, 'deny': '0'}])
    try:
        await world.channel.send('x' * 2001)
    except discord.HTTPException as error:
        assert error.code == 50035 and 'In content: Must be 2000 or fewer in length.' in error.text, error.text
    else:
        raise AssertionError('2001 characters')
    try:
        await world.channel.send('')
    except discord.HTTPException as error:
        assert error.code == 50006
    else:
        raise AssertionError('an empty message')
    try:
        await world.guild.get_member(world.operator.id).edit(nick='nope')
    except discord.Forbidden as error:
        assert error.code == 50013


@check(RATE_LIMITED)
async def rate_limits_are_waited_for():
    for scope in ['user', 'shared', 'global']:
        await act('ratelimit_next', method='POST', path_glob='*/messages', count=1, retry_after=0.3, scope=scope)
        message = await world.channel.send(f'after {scope}')
        assert message.content == f'after {scope}'
    await act('fail_next', method='POST', path_glob='*/messages', count=1, status=502)
    assert (await world.channel.send('after a failure')).content == 'after a failure'


@check()
async def direct_messages():
    person = await bot.fetch_user(world.operator.id)
    channel = await person.create_dm()
    message = await channel.send('between us')
    assert isinstance(message.channel, discord.DMChannel) and message.guild is None
    sent = await act('message', channel_id=str(channel.id), user_id=str(person.id), content='yes')
    heard = await soon(lambda: discord.utils.find(lambda m: m.id == int(sent['message_id']), bot.messages), 'a DM')
    assert heard.content == 'yes' and isinstance(heard.channel, discord.DMChannel)
    await bot.change_presence(activity=discord.Game('sea shanties'))


# --- The gateway ------------------------------------------------------------------------------------------------


@check(RECONNECTING)
async def a_dropped_connection_loses_nothing():
    for how in [{'how': 'tcp'}, {'how': 'close', 'code': 4000}]:
        before = (bot.resumed, bot.readies)
        bot.messages.clear()
        sent = [await world.operator.do('message', content='before')]
        await act('drop_gateway', **how)
        sent += [await world.operator.do('message', content=f'away {n}') for n in range(3)]
        await soon(lambda: bot.resumed > before[0], 'resumed')
        sent.append(await world.operator.do('message', content='after'))
        ids = [int(m['message_id']) for m in sent]
        await soon(lambda: ids[-1] in [m.id for m in bot.messages], 'the last message')
        assert [m.id for m in bot.messages if m.id in ids] == ids, 'messages lost, doubled or out of order'
        assert bot.readies == before[1], 'a new session instead of the old one'
    await world.operator.slash('ping')
    await (await bot.next()).response.send_message('here')


@check(RECONNECTING)
async def reconnects_when_asked():
    resumed = bot.resumed
    assert (await act('gateway_send', op=7, d=None))['sent'] == 1
    await soon(lambda: bot.resumed > resumed, 'resumed after op 7')
    await world.operator.slash('ping')
    await (await bot.next()).response.send_message('here again')


@check(RECONNECTING)
async def a_new_session_when_the_old_one_is_gone():
    readies = bot.readies
    assert (await act('drop_gateway', how='tcp', forget=True))['dropped'] == 1
    await soon(lambda: bot.readies > readies, 'ready with a new session')
    await world.operator.slash('ping')
    await (await bot.next()).response.send_message('new here')


@check()
async def heartbeats_are_answered():
    await bot.ws.send_heartbeat({'op': 1, 'd': bot.ws.sequence})
    sent = bot.ws._keep_alive._last_recv
    assert (await act('gateway_send', op=1, d=None))['sent'] == 1
    await soon(lambda: bot.ws._keep_alive._last_recv > sent, 'an acknowledged heartbeat')
    await soon(lambda: bot.latency == bot.latency and bot.latency < 5, 'a latency')


@check()
async def a_clean_logout():
    await bot.close()
    await asyncio.wait_for(world.connection, PATIENCE)
    await soon(lambda: gone(), 'no gateway connection left')


async def gone():
    return (await act('stats'))['gateway_connections'] == 0


@check('voice will NOT be supported')
async def paces_itself_by_the_headers():
    defaults = await stage.act_limited('defaults')
    discord.http.Route.BASE = f'{stage.LIMITED}/api/v10'
    async with discord.Client(intents=discord.Intents.default()) as client:
        await client.login(defaults['bot_token'])
        channel = client.get_partial_messageable(int(defaults['channel_id']))
        sent = await asyncio.gather(*(channel.send(str(n)) for n in range(8)))
    assert sorted(m.content for m in sent) == list('01234567')
    assert await stage.refusals() == 0


if __name__ == '__main__':
    logging.getLogger('asyncio').setLevel(logging.WARNING)
    stage.end(asyncio.run(check.run()))
