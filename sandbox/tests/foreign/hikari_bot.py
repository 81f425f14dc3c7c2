"""Ordinary hikari code against the sandbox. Only the base address is set, with the library's own option."""

import asyncio
import datetime
import logging

import hikari
from hikari import impl

import stage
from stage import PATIENCE, act, option, soon

check = stage.Checks()
RATE_LIMITED = r'rate limit|rate-limit'
RECONNECTING = r'connection|disconnect|closed|reconnect|session'

bot = None
world = None
EPHEMERAL = hikari.MessageFlag.EPHEMERAL
ANSWER = hikari.ResponseType.MESSAGE_CREATE


class World:
    """What the checks stand on."""

    def __init__(self, defaults):
        self.defaults = defaults
        self.operator = stage.Person(defaults['user_id'], defaults)
        self.approver = stage.Person(defaults['user2_id'], defaults)
        self.guild = hikari.Snowflake(defaults['guild_id'])
        self.channel = hikari.Snowflake(defaults['channel_id'])
        self.application = hikari.Snowflake(defaults['application_id'])
        self.interactions = asyncio.Queue()
        self.messages = []
        self.events = []
        self.readies = 0
        self.resumed = 0

    async def next(self, kind):
        interaction = await asyncio.wait_for(self.interactions.get(), PATIENCE)
        assert isinstance(interaction, kind), interaction
        return interaction

    def role(self, name):
        return next(r for r in bot.cache.get_roles_view_for_guild(self.guild).values() if r.name == name)

    def place(self, name):
        return next(c for c in bot.cache.get_guild_channels_view_for_guild(self.guild).values() if c.name == name)

    def heard(self, message_id):
        return next((m for m in self.messages if m.id == int(message_id)), None)


async def on_event(event):
    world.events.append(event)
    if isinstance(event, hikari.InteractionCreateEvent):
        world.interactions.put_nowait(event.interaction)
    elif isinstance(event, hikari.MessageCreateEvent):
        world.messages.append(event.message)
    elif isinstance(event, hikari.ShardReadyEvent):
        world.readies += 1
    elif isinstance(event, hikari.ShardResumedEvent):
        world.resumed += 1


async def event(kind, fits=lambda _: True):
    """The event of a kind that fits, come or still to come."""
    return await soon(lambda: next((e for e in world.events if isinstance(e, kind) and fits(e)), None), kind.__name__)


async def refused(awaitable, kind, code):
    try:
        await awaitable
    except kind as error:
        assert error.code == code, error
        return error
    raise AssertionError(f'not refused with {code}')


# --- Login and commands -----------------------------------------------------------------------------------------


@check()
async def login_and_guild():
    global bot, world
    world = World(await act('defaults'))
    bot = hikari.GatewayBot(
        world.defaults['bot_token'],
        rest_url=stage.API,
        banner=None,
        logs=None,
        suppress_optimization_warning=True,
        intents=hikari.Intents.ALL_UNPRIVILEGED | hikari.Intents.GUILD_MEMBERS | hikari.Intents.MESSAGE_CONTENT,
    )
    bot.subscribe(hikari.Event, on_event)
    await asyncio.wait_for(bot.start(check_for_updates=False), PATIENCE)
    available = await event(hikari.GuildAvailableEvent)
    assert bot.get_me().id == world.application and available.guild_id == world.guild
    guild = bot.cache.get_guild(world.guild)
    assert guild.owner_id == int(world.defaults['owner_id']) and guild.name
    await event(hikari.MemberChunkEvent, lambda e: len(e.members) == 5)
    names = {c.name for c in bot.cache.get_guild_channels_view_for_guild(world.guild).values()}
    assert names >= {'general', 'ops', 'audit'}, names
    assert world.role('Operator').id in bot.cache.get_member(world.guild, world.operator.id).role_ids
    own = [r for r in bot.cache.get_roles_view_for_guild(world.guild).values() if r.bot_id == world.application]
    assert own and own[0].is_managed, 'the bot has no role of its own'
    world.own_role = own[0]
    joined = bot.cache.get_member(world.guild, world.operator.id).joined_at
    assert abs(datetime.datetime.now(datetime.timezone.utc) - joined) < datetime.timedelta(minutes=5)


@check()
async def reads_over_rest():
    application = await bot.rest.fetch_application()
    assert application.id == world.application and len(application.public_key) == 32
    assert (await bot.rest.fetch_guild(world.guild)).approximate_member_count == 5
    assert [g.id async for g in bot.rest.fetch_my_guilds()] == [world.guild]
    assert (await bot.rest.fetch_channel(world.channel)).name == 'general'
    assert world.channel in {c.id for c in await bot.rest.fetch_guild_channels(world.guild)}
    assert 'Approver' in {r.name for r in await bot.rest.fetch_roles(world.guild)}
    assert len([m async for m in bot.rest.fetch_members(world.guild)]) == 5
    assert (await bot.rest.fetch_member(world.guild, world.operator.id)).username == 'operator'
    assert [m.username for m in await bot.rest.search_members(world.guild, 'appr')] == ['approver']
    assert (await bot.rest.fetch_user(world.operator.id)).username == 'operator'
    await refused(bot.rest.fetch_user(1), hikari.NotFoundError, 10013)
    await refused(bot.rest.fetch_channel(1), hikari.NotFoundError, 10003)


def slash(name, options=()):
    builder = bot.rest.slash_command_builder(name, f'The command {name}')
    for each in options:
        builder.add_option(each)
    return builder


def opt(name, kind, **more):
    return hikari.CommandOption(type=kind, name=name, description='d', **more)


T = hikari.OptionType


@check()
async def commands_of_both_scopes():
    made = await bot.rest.set_application_commands(world.application, [slash('ping')])
    again = await bot.rest.set_application_commands(world.application, [slash('ping')])
    assert [c.id for c in made] == [c.id for c in again], 'an identical command changes its id'
    options = [
        opt('text', T.STRING, is_required=True, min_length=1, max_length=20),
        opt('whole', T.INTEGER, is_required=True, min_value=-5),
        opt('truth', T.BOOLEAN, is_required=True),
        opt('person', T.USER, is_required=True),
        opt('place', T.CHANNEL, is_required=True, channel_types=[hikari.ChannelType.GUILD_TEXT]),
        opt('role', T.ROLE, is_required=True),
        opt('whom', T.MENTIONABLE, is_required=True),
        opt('real', T.FLOAT, is_required=True, min_value=0.5),
        opt('file', T.ATTACHMENT, is_required=True),
        opt('choice', T.INTEGER, choices=[hikari.CommandChoice(name='One', value=1), hikari.CommandChoice(name='Two', value=2)]),
    ]  # fmt: skip
    deeper = opt('deeper', T.SUB_COMMAND, options=[opt('number', T.INTEGER, is_required=True)])
    deploy = [
        opt('start', T.SUB_COMMAND, options=[opt('host', T.STRING, is_required=True, autocomplete=True)]),
        opt('below', T.SUB_COMMAND_GROUP, options=[deeper]),
    ]
    menus = [
        bot.rest.context_menu_command_builder(hikari.CommandType.MESSAGE, 'Repeat this'),
        bot.rest.context_menu_command_builder(hikari.CommandType.USER, 'Greet'),
    ]
    commands = [slash('all', options), slash('deploy', deploy), *menus]
    synced = await bot.rest.set_application_commands(world.application, commands, guild=world.guild)
    found = {c.name: c for c in synced}
    assert set(found) == {'all', 'deploy', 'Repeat this', 'Greet'} and found['Greet'].type is hikari.CommandType.USER
    got = [(o.name, o.type, o.is_required, o.min_value, o.max_length) for o in found['all'].options]
    assert got == [(o.name, o.type, o.is_required, o.min_value, o.max_length) for o in options], got
    assert found['all'].options[4].channel_types == [hikari.ChannelType.GUILD_TEXT]
    assert found['deploy'].options[1].options[0].options[0].name == 'number'
    guarded = await bot.rest.create_slash_command(
        world.application, 'guarded', 'd', guild=world.guild, default_member_permissions=hikari.Permissions.MANAGE_GUILD
    )
    assert guarded.default_member_permissions == hikari.Permissions.MANAGE_GUILD
    edited = await bot.rest.edit_application_command(world.application, guarded, guild=world.guild, description='e')
    assert edited.description == 'e' and edited.id == guarded.id
    await bot.rest.delete_application_command(world.application, guarded, guild=world.guild)
    await refused(
        bot.rest.fetch_application_command(world.application, guarded, guild=world.guild), hikari.NotFoundError, 10063
    )
    assert len(await bot.rest.fetch_application_commands(world.application, guild=world.guild)) == 4


@check()
async def a_slash_command_with_every_option():
    role, place = world.role('Operator'), world.place('ops')
    await world.operator.slash('all', [
        option('text', 3, 'häɪ'), option('whole', 4, 2**53 - 1), option('truth', 5, False),
        option('person', 6, str(world.approver.id)), option('place', 7, str(place.id)), option('role', 8, str(role.id)),
        option('whom', 9, str(role.id)), option('real', 10, 1.25),
        option('file', 11, {'filename': 'a.txt', 'content': 'attached'}), option('choice', 4, 2),
    ])  # fmt: skip
    interaction = await world.next(hikari.CommandInteraction)
    values = {o.name: o.value for o in interaction.options}
    assert (values['text'], values['whole'], values['truth'], values['real']) == ('häɪ', 2**53 - 1, False, 1.25)
    assert values['person'] == world.approver.id and values['place'] == place.id and values['choice'] == 2
    member = interaction.resolved.members[values['person']]
    assert member.permissions & hikari.Permissions.SEND_MESSAGES
    assert interaction.resolved.roles[values['role']].name == 'Operator'
    assert interaction.resolved.channels[values['place']].name == 'ops'
    file = interaction.resolved.attachments[values['file']]
    assert file.filename == 'a.txt' and await file.read() == b'attached'
    assert interaction.member.id == world.operator.id and interaction.guild_id == world.guild
    assert interaction.member.permissions & hikari.Permissions.USE_APPLICATION_COMMANDS
    assert interaction.app_permissions & hikari.Permissions.SEND_MESSAGES and interaction.guild_locale == 'en-US'
    assert interaction.registered_guild_id == world.guild and interaction.attachment_size_limit >= 10 * 2**20
    answer = await interaction.create_initial_response(ANSWER, 'all there')
    message = await interaction.fetch_initial_response()
    assert message.content == 'all there' and message.type is hikari.MessageType.CHAT_INPUT
    assert message.interaction_metadata.user.id == world.operator.id and answer is not None
    assert (await world.operator.sees(message.id))['content'] == 'all there'


@check()
async def sub_commands_autocomplete_and_menus():
    typed = [{'name': 'start', 'type': 1, 'options': [{'name': 'host', 'type': 3, 'value': 'we', 'focused': True}]}]
    asked = asyncio.create_task(world.operator.do('autocomplete', name='deploy', options=typed))
    interaction = await world.next(hikari.AutocompleteInteraction)
    assert interaction.options[0].options[0].is_focused and interaction.options[0].options[0].value == 'we'
    await interaction.create_response([impl.AutocompleteChoiceBuilder('Host web01', 'web01')])
    assert (await asked)['choices'] == [{'name': 'Host web01', 'value': 'web01'}]
    inner = {'name': 'deeper', 'type': 1, 'options': [option('number', 4, 7)]}
    await world.operator.slash('deploy', [{'name': 'below', 'type': 2, 'options': [inner]}])
    interaction = await world.next(hikari.CommandInteraction)
    assert interaction.options[0].options[0].options[0].value == 7
    await interaction.create_initial_response(ANSWER, 'down there')
    sent = await world.operator.do('message', content='say it again')
    await world.approver.slash('Repeat this', type=3, target_id=sent['message_id'])
    interaction = await world.next(hikari.CommandInteraction)
    assert interaction.resolved.messages[interaction.target_id].content == 'say it again'
    await interaction.create_initial_response(ANSWER, 'again', flags=EPHEMERAL)
    await world.approver.slash('Greet', type=2, target_id=str(world.operator.id))
    interaction = await world.next(hikari.CommandInteraction)
    assert interaction.resolved.users[interaction.target_id].username == 'operator'
    await interaction.create_initial_response(ANSWER, f'Hello <@{world.operator.id}>', user_mentions=True)
    assert (await interaction.fetch_initial_response()).user_mentions_ids == [world.operator.id]


# --- Answers ----------------------------------------------------------------------------------------------------


@check()
async def defer_edit_and_follow_up():
    await world.operator.slash('ping')
    interaction = await world.next(hikari.CommandInteraction)
    await interaction.create_initial_response(hikari.ResponseType.DEFERRED_MESSAGE_CREATE)
    waiting = await interaction.fetch_initial_response()
    assert waiting.flags & hikari.MessageFlag.LOADING
    embed = hikari.Embed(title='T', color=0x2ECC71).add_field('n', 'v', inline=True).set_footer('f')
    edited = await interaction.edit_initial_response('done', embed=embed)
    assert edited.id == waiting.id and not edited.flags & hikari.MessageFlag.LOADING
    assert edited.embeds[0].color == 0x2ECC71 and edited.embeds[0].fields[0].is_inline
    plain = await interaction.execute('plain')
    hidden = await interaction.execute('hidden', flags=EPHEMERAL)
    assert hidden.flags & EPHEMERAL and (await world.operator.sees(hidden.id))['content'] == 'hidden'
    assert await world.approver.sees(hidden.id) is None and await world.approver.sees(plain.id)
    assert (await interaction.edit_message(hidden, 'still hidden')).content == 'still hidden'
    assert (await interaction.fetch_message(plain)).content == 'plain'
    await interaction.delete_message(plain)
    assert await world.approver.sees(plain.id) is None
    await refused(bot.rest.fetch_message(world.channel, hidden.id), hikari.NotFoundError, 10008)
    await interaction.delete_initial_response()
    assert await world.operator.sees(edited.id) is None
    await refused(interaction.create_initial_response(ANSWER, 'second'), hikari.BadRequestError, 40060)
    started = await world.operator.slash('ping')
    interaction = await world.next(hikari.CommandInteraction)
    await act('expire_interaction', interaction_id=started['interaction_id'])
    await refused(interaction.create_initial_response(ANSWER, 'late'), hikari.NotFoundError, 10062)


# --- Messages ---------------------------------------------------------------------------------------------------


@check()
async def messages_replies_pins_and_reactions():
    await bot.rest.trigger_typing(world.channel)
    message = await bot.rest.create_message(world.channel, 'one', nonce='n-1')
    assert message.nonce == 'n-1' and message.author.id == world.application
    assert (await message.edit('two')).edited_timestamp
    reply = await message.respond('three', reply=True)
    assert reply.type is hikari.MessageType.REPLY and reply.message_reference.id == message.id
    assert reply.referenced_message.content == 'two'
    await bot.rest.pin_message(world.channel, message)
    pins = [p async for p in bot.rest.fetch_pins(world.channel)]
    assert [p.message.id for p in pins] == [message.id]
    await bot.rest.unpin_message(world.channel, message)
    await message.add_reaction('✅')
    await event(hikari.GuildReactionAddEvent, lambda e: e.message_id == message.id and e.emoji_name == '✅')
    fetched = await bot.rest.fetch_message(world.channel, message)
    assert [(str(r.emoji), r.count, r.is_me) for r in fetched.reactions] == [('✅', 1, True)]
    users = [u.id async for u in bot.rest.fetch_reactions_for_emoji(world.channel, message, '✅')]
    assert users == [world.application]
    await message.remove_reaction('✅')
    await reply.delete()
    await refused(bot.rest.delete_message(world.channel, reply), hikari.NotFoundError, 10008)
    sent = await world.operator.do('message', content=f'hello <@{world.application}>')
    heard = await soon(lambda: world.heard(sent['message_id']), 'a message of a person')
    assert heard.author.id == world.operator.id and heard.content.startswith('hello')
    assert heard.user_mentions_ids == [world.application] and heard.member.id == world.operator.id


@check()
async def history_and_bulk_delete():
    audit = world.place('audit').id
    sent = [await bot.rest.create_message(audit, str(n)) for n in range(6)]
    assert [m.content async for m in bot.rest.fetch_messages(audit).limit(3)] == ['5', '4', '3']
    after = [m.content async for m in bot.rest.fetch_messages(audit, after=sent[2]).limit(2)]
    assert after == ['3', '4'], after
    assert [m.content async for m in bot.rest.fetch_messages(audit, before=sent[2])] == ['1', '0']
    bits = world.own_role.permissions | hikari.Permissions.MANAGE_MESSAGES
    await act('guild', role_permissions=[{'role_id': str(world.own_role.id), 'permissions': str(int(bits))}])
    await bot.rest.delete_messages(audit, sent[:3])
    deleted = await event(hikari.GuildBulkMessageDeleteEvent)
    assert set(deleted.message_ids) == {m.id for m in sent[:3]}
    assert [m.content async for m in bot.rest.fetch_messages(audit)] == ['5', '4', '3']


@check()
async def attachments_up_and_down():
    data = bytes(range(256)) * 400
    files = [hikari.Bytes(data, 'bytes.bin'), hikari.Bytes('x', 'ü.txt')]
    message = await bot.rest.create_message(world.channel, 'with files', attachments=files)
    assert [(a.filename, a.size) for a in message.attachments][0] == ('bytes.bin', len(data))
    assert await message.attachments[0].read() == data and await message.attachments[1].read() == b'x'
    kept = await message.edit(attachments=[message.attachments[0], hikari.Bytes('later', 'later.txt')])
    assert [a.filename for a in kept.attachments] == ['bytes.bin', 'later.txt']
    assert (await message.edit(attachments=None)).attachments == []


@check()
async def threads():
    message = await bot.rest.create_message(world.channel, 'start')
    thread = await bot.rest.create_message_thread(world.channel, message, 'Output', auto_archive_duration=datetime.timedelta(hours=1))
    assert thread.id == message.id and thread.parent_id == world.channel and thread.owner_id == world.application
    await event(hikari.GuildThreadCreateEvent, lambda e: e.thread_id == thread.id)
    await bot.rest.create_message(thread, 'in the thread')
    await refused(
        bot.rest.create_message_thread(world.channel, message, 'Again'), hikari.BadRequestError, 160004
    )
    assert thread.id in {t.id for t in await bot.rest.fetch_active_threads(world.guild)}
    await bot.rest.add_thread_member(thread, world.approver.id)
    members = {m.user_id async for m in bot.rest.fetch_thread_members(thread)}
    assert members == {world.application, world.approver.id}, members
    archived = await bot.rest.edit_channel(thread, archived=True, name='Output, done')
    assert archived.is_archived and archived.name == 'Output, done'
    await event(hikari.GuildThreadUpdateEvent, lambda e: e.thread.is_archived)
    assert thread.id in [t.id async for t in bot.rest.fetch_public_archived_threads(world.channel)]
    await bot.rest.create_message(thread, 'wakes it up')
    woken = await bot.rest.fetch_channel(thread)
    assert not woken.is_archived and woken.approximate_message_count == 2
    assert (await bot.rest.edit_channel(thread, archived=True, locked=True)).is_locked
    assert not (await bot.rest.edit_channel(thread, archived=False, locked=False)).is_archived
    await bot.rest.remove_thread_member(thread, world.approver.id)
    lone = await bot.rest.create_thread(world.channel, hikari.ChannelType.GUILD_PRIVATE_THREAD, 'Private')
    assert lone.type is hikari.ChannelType.GUILD_PRIVATE_THREAD
    await bot.rest.delete_channel(lone)
    await event(hikari.GuildThreadDeleteEvent, lambda e: e.thread_id == lone.id)


# --- Components -------------------------------------------------------------------------------------------------


def go():
    row = impl.MessageActionRowBuilder()
    row.add_interactive_button(hikari.ButtonStyle.SUCCESS, 'go', label='Go', emoji='🚀')
    return row.add_link_button('https://example.org', label='Link')


@check()
async def buttons():
    message = await bot.rest.create_message(world.channel, 'press', component=go())
    await world.operator.click(message, 'go')
    interaction = await world.next(hikari.ComponentInteraction)
    assert interaction.custom_id == 'go' and interaction.message.id == message.id
    await interaction.create_initial_response(hikari.ResponseType.MESSAGE_UPDATE, 'pressed', components=[])
    changed = await bot.rest.fetch_message(world.channel, message)
    assert changed.content == 'pressed' and not changed.components
    message = await bot.rest.create_message(world.channel, 'press later', component=go())
    await world.approver.click(message, 'go')
    interaction = await world.next(hikari.ComponentInteraction)
    await interaction.create_initial_response(hikari.ResponseType.DEFERRED_MESSAGE_UPDATE)
    edited = await interaction.edit_initial_response('pressed later')
    assert edited.id == message.id and len(edited.components) == 1


@check()
async def five_selects():
    C = hikari.ComponentType
    strings = impl.MessageActionRowBuilder()
    menu = strings.add_text_menu('strings', max_values=2, min_values=1)
    for value in 'abc':
        menu.add_option(value.upper(), value)
    rows = [strings]
    for name, kind in [('users', C.USER_SELECT_MENU), ('roles', C.ROLE_SELECT_MENU), ('mentionables', C.MENTIONABLE_SELECT_MENU)]:
        rows.append(impl.MessageActionRowBuilder().add_select_menu(kind, name, max_values=2))
    channels = impl.MessageActionRowBuilder()
    channels.add_channel_menu('channels', channel_types=[hikari.ChannelType.GUILD_TEXT])
    message = await bot.rest.create_message(world.channel, 'choose', components=[*rows, channels])
    person, role = str(world.operator.id), str(world.role('Approver').id)
    for custom_id, values in [
        ('strings', ['a', 'c']), ('users', [person]), ('roles', [role]),
        ('mentionables', [role, person]), ('channels', [str(world.place('ops').id)]),
    ]:  # fmt: skip
        await world.operator.select(message, custom_id, values)
        interaction = await world.next(hikari.ComponentInteraction)
        assert [interaction.custom_id, *interaction.values] == [custom_id, *values]
        if custom_id in ('users', 'mentionables'):
            assert interaction.resolved.members[int(person)].username == 'operator'
        if custom_id in ('roles', 'mentionables'):
            assert interaction.resolved.roles[int(role)].name == 'Approver'
        if custom_id == 'channels':
            assert interaction.resolved.channels[int(values[0])].name == 'ops'
        await interaction.create_initial_response(ANSWER, custom_id, flags=EPHEMERAL)


def card(text):
    container = impl.ContainerComponentBuilder(accent_color=hikari.Color(0xE0A000))
    container.add_text_display(text)
    cancel = impl.InteractiveButtonBuilder(style=hikari.ButtonStyle.DANGER, custom_id='cancel', label='Cancel')
    container.add_component(impl.SectionComponentBuilder(accessory=cancel).add_text_display('left'))
    container.add_separator(divider=True, spacing=hikari.SpacingType.LARGE)
    container.add_file(hikari.Bytes('log', 'log.txt'))
    return container


@check()
async def a_card_of_components_v2():
    message = await bot.rest.create_message(world.channel, component=card('**Run 1**'))
    assert message.flags & hikari.MessageFlag.IS_COMPONENTS_V2
    container = message.components[0]
    kinds = [int(c.type) for c in container.components]
    assert kinds == [10, 9, 14, 13] and container.accent_color == 0xE0A000, kinds
    assert container.components[3].file.url.startswith('http')
    edited = await message.edit(component=card('**Run 1**: ended'))
    assert edited.components[0].components[0].content == '**Run 1**: ended'
    await world.operator.click(message, 'cancel')
    interaction = await world.next(hikari.ComponentInteraction)
    text = impl.TextDisplayComponentBuilder(content='cancelled')
    await interaction.create_initial_response(hikari.ResponseType.MESSAGE_UPDATE, component=text)
    assert (await bot.rest.fetch_message(world.channel, message)).components[0].content == 'cancelled'
    await refused(message.edit('plain text'), hikari.BadRequestError, 50035)


@check()
async def a_modal():
    await world.operator.slash('ping')
    interaction = await world.next(hikari.CommandInteraction)
    row = impl.ModalActionRowBuilder().add_text_input('why', 'Why', style=hikari.TextInputStyle.PARAGRAPH)
    await interaction.create_modal_response('Reason', 'reason', component=row)
    assert (await world.operator.do('modal_open'))['modal']['title'] == 'Reason'
    await world.operator.do('modal_submit', fields={'why': 'because'})
    interaction = await world.next(hikari.ModalInteraction)
    assert interaction.custom_id == 'reason' and interaction.components[0].components[0].value == 'because'
    await interaction.create_initial_response(ANSWER, 'So: because')
    assert (await interaction.fetch_initial_response()).content == 'So: because'


# --- Errors -----------------------------------------------------------------------------------------------------


@check()
async def errors_are_discords():
    ops = world.place('ops').id

    async def deny(bits):
        overwrite = {'channel_id': str(ops), 'id': str(world.guild), 'allow': '0', 'deny': str(int(bits))}
        await act('guild', overwrites=[overwrite])

    await deny(hikari.Permissions.SEND_MESSAGES)
    await refused(bot.rest.create_message(ops, 'not allowed'), hikari.ForbiddenError, 50013)
    await deny(hikari.Permissions.VIEW_CHANNEL)
    await refused(bot.rest.fetch_channel(ops), hikari.ForbiddenError, 50001)
    await deny(0)
    error = await refused(bot.rest.create_message(world.channel, 'x' * 2001), hikari.BadRequestError, 50035)
    assert 'content' in error.errors, error.errors
    await refused(bot.rest.create_message(world.channel, ' '), hikari.BadRequestError, 50006)
    await refused(bot.rest.edit_member(world.guild, world.operator.id, nickname='no'), hikari.ForbiddenError, 50013)


@check(RATE_LIMITED, 'Received status 502', 'backing off')
async def rate_limits_are_waited_for():
    for scope in ['user', 'shared', 'global']:
        await act('ratelimit_next', method='POST', path_glob='*/messages', count=1, retry_after=0.3, scope=scope)
        assert (await bot.rest.create_message(world.channel, f'after {scope}')).content == f'after {scope}'
    await act('fail_next', method='POST', path_glob='*/messages', count=1, status=502)
    assert (await bot.rest.create_message(world.channel, 'after a failure')).content == 'after a failure'


@check()
async def direct_messages_and_presence():
    dm = await bot.rest.create_dm_channel(world.operator.id)
    await bot.rest.create_message(dm, 'between us')
    sent = await act('message', channel_id=str(dm.id), user_id=str(world.operator.id), content='yes')
    heard = await soon(lambda: world.heard(sent['message_id']), 'a direct message')
    assert heard.content == 'yes' and heard.guild_id is None
    await bot.update_presence(activity=hikari.Activity(name='sea shanties', type=hikari.ActivityType.PLAYING))


# --- The gateway ------------------------------------------------------------------------------------------------


@check(RECONNECTING)
async def a_dropped_connection_loses_nothing():
    for how in [{'how': 'tcp'}, {'how': 'close', 'code': 4000}]:
        before = (world.resumed, world.readies)
        world.messages.clear()
        sent = [await world.operator.do('message', content='before')]
        await act('drop_gateway', **how)
        sent += [await world.operator.do('message', content=f'away {n}') for n in range(3)]
        await soon(lambda: world.resumed > before[0], 'resumed')
        sent.append(await world.operator.do('message', content='after'))
        ids = [int(m['message_id']) for m in sent]
        await soon(lambda: world.heard(ids[-1]), 'the last message')
        assert [m.id for m in world.messages if m.id in ids] == ids, 'messages lost, doubled or out of order'
        assert world.readies == before[1], 'a new session instead of the old one'
    await world.operator.slash('ping')
    await (await world.next(hikari.CommandInteraction)).create_initial_response(ANSWER, 'here')


@check(RECONNECTING)
async def reconnects_when_asked():
    resumed = world.resumed
    assert (await act('gateway_send', op=7, d=None))['sent'] == 1
    await soon(lambda: world.resumed > resumed, 'resumed after op 7')
    await world.operator.slash('ping')
    await (await world.next(hikari.CommandInteraction)).create_initial_response(ANSWER, 'here again')


@check(RECONNECTING)
async def a_new_session_when_the_old_one_is_gone():
    readies = world.readies
    assert (await act('drop_gateway', how='tcp', forget=True))['dropped'] == 1
    await soon(lambda: world.readies > readies, 'ready with a new session')
    await world.operator.slash('ping')
    await (await world.next(hikari.CommandInteraction)).create_initial_response(ANSWER, 'new here')


@check()
async def heartbeats_are_answered():
    assert (await act('gateway_send', op=1, d=None))['sent'] == 1
    await soon(lambda: bot.heartbeat_latency == bot.heartbeat_latency and bot.heartbeat_latency < 5, 'a latency')


@check()
async def a_clean_logout():
    await asyncio.wait_for(bot.close(), PATIENCE)
    await soon(gone, 'no gateway connection left')


async def gone():
    return (await act('stats'))['gateway_connections'] == 0


@check()
async def paces_itself_by_the_headers():
    defaults = await stage.act_limited('defaults')
    app = hikari.RESTApp(url=f'{stage.LIMITED}/api/v10')
    await app.start()
    async with app.acquire(defaults['bot_token'], hikari.TokenType.BOT) as rest:
        channel = int(defaults['channel_id'])
        sent = await asyncio.gather(*(rest.create_message(channel, str(n)) for n in range(8)))
    await app.close()
    assert sorted(m.content for m in sent) == list('01234567')
    assert await stage.refusals() == 0


if __name__ == '__main__':
    logging.getLogger('asyncio').setLevel(logging.WARNING)
    stage.end(asyncio.run(check.run()))
