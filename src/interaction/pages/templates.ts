/** The pages as eta templates. `it` is the view of the page beside `messages` and `site`; `<%=` escapes, `<%~` is ours. */
export const LAYOUT = `<!doctype html>
<html lang="<%= it.messages.lang %>">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title><%= it.title %> · <%= it.site.name %></title>
<% for (const style of it.site.styles) { %><link rel="stylesheet" href="<%= style %>">
<% } %><link rel="icon" type="image/svg+xml" href="<%= it.site.icon %>">
</head>
<body>
<main>
<p class="brand"><% if (it.site.logo) { %><img src="<%= it.site.logo %>" alt=""><% } else { %><%~ it.site.mark %><% } %><span><%= it.site.name %></span></p>
<%~ it.body %>
</main>
<% if (it.site.footerLinks.length > 0 || it.site.support) { %><footer class="foot links">
<% for (const link of it.site.footerLinks) { %><a class="hit" rel="noreferrer" target="_blank" href="<%= link.url %>"><%= link.label %></a>
<% } %><% if (it.site.support) { %><span><%= it.messages.support %> <% if (it.site.support.href) { %><a class="hit" rel="noreferrer" href="<%= it.site.support.href %>"><%= it.site.support.label %></a><% } else { %><%= it.site.support.label %><% } %></span>
<% } %></footer>
<% } %></body>
</html>
`;

export const SIGN_IN = `<% const say = it.messages.signIn %>
<h1><%= say.title %></h1>
<p class="quiet"><%= it.intro %></p>
<% if (it.alert) { %><p class="alert" role="alert" id="alert"><%= it.alert %></p><% } %>
<% if (it.asker) { %><dl class="asker">
<% if (it.asker.host) { %><div><dt><%= say.askedBy %></dt><dd><strong><bdi><%= it.asker.host %></bdi></strong></dd></div><% } %>
<div><dt><%= say.answerTo %></dt><dd><strong><bdi><%= it.asker.destination %></bdi></strong></dd></div>
</dl>
<p class="quiet small"><%= say.onlyIfYouBegan %></p><% } %>
<% if (it.local) { %><form method="post" action="<%= it.action %>">
<input type="hidden" name="form" value="<%= it.form %>">
<label for="username"><%= say.username %></label>
<input id="username" name="username" type="text" value="<%= it.username %>" autocomplete="username" autocapitalize="none" spellcheck="false" maxlength="128" required<% if (it.alert) { %> aria-describedby="alert"<% } %><% if (!it.username) { %> autofocus<% } %>>
<label for="password"><%= say.password %></label>
<input id="password" name="password" type="password" autocomplete="current-password" maxlength="1024" required<% if (it.alert) { %> aria-describedby="alert"<% } %><% if (it.username) { %> autofocus<% } %>>
<button type="submit"><%= say.submit %></button>
</form>
<% } %><% if (it.local && it.providers.length > 0) { %><p class="or"><span><%= say.or %></span></p>
<% } %><% if (it.providers.length > 0) { %><form method="post" action="<%= it.action %>" class="stack">
<input type="hidden" name="form" value="<%= it.form %>">
<% for (const one of it.providers) { %><button type="submit" name="provider" value="<%= one.id %>"<% if (it.local) { %> class="outline"<% } %>><%= say.signInAt(one.label) %></button>
<% } %></form>
<% } %>`;

export const CONSENT = `<% const say = it.messages.consent %>
<div class="who">
<p class="quiet"><%= it.lead %></p>
<h1><bdi><%~ it.breakable(it.subject) %></bdi></h1>
<% if (it.subjectNote) { %><p class="quiet small"><bdi><%= it.subjectNote %></bdi></p><% } %>
<p><%= say.asks %></p>
</div>
<% if (it.claim) { %><div class="claim small">
<p><bdi><%= it.claim %></bdi></p>
<p class="quiet"><%= say.unverified %></p>
</div><% } %>
<% if (it.alert) { %><p class="alert" role="alert" id="alert" tabindex="-1" autofocus><%= it.alert %></p><% } %>
<form method="post" action="<%= it.action %>">
<input type="hidden" name="form" value="<%= it.form %>">
<% if (it.choiceField) { %><input type="checkbox" name="<%= it.choiceField %>" value="chosen" checked hidden><% } %>
<dl>
<div><dt><%= say.account %></dt>
<dd class="links"><strong><bdi><%= it.username %></bdi></strong>
<span class="links small"><a class="hit" href="<%= it.switchAccount %>"><%= say.switchAccount %></a><a class="hit" href="<%= it.signOut %>"><%= say.signOut %></a></span></dd></div>
<div><dt><%= say.resource %></dt>
<dd><% if (it.resource.name) { %><strong><%= it.resource.name %></strong><br><% } %><code><%= it.resource.resource %></code></dd></div>
<div><dt><%= say.scope %></dt>
<dd><% if (it.scope.length === 0) { %><%= say.noScope %><% } else { %><ul><% for (const one of it.scope) { %><% if (one.field) { %><li class="choice"><label><input type="checkbox" name="<%= one.field %>" value="allow" checked<% if (it.alert) { %> aria-describedby="alert"<% } %>><span><%= one.sentence %><code><%= one.name %></code></span></label></li><% } else { %><li><%= one.sentence %><code><%= one.name %></code></li><% } %><% } %></ul>
<% if (it.choiceField) { %><p class="quiet small"><%= say.choice %></p><% } %><% } %></dd></div>
<div><dt><%= say.destination %></dt>
<dd><strong><%~ it.breakable(it.destination.host) %></strong>
<% if (it.destination.hostNote) { %><p class="quiet small"><bdi><%= it.destination.hostNote %></bdi></p><% } %>
<p class="<%= it.destination.isOnThisDevice ? 'note' : 'quiet small' %>"><%= it.destination.warning %></p></dd></div>
</dl>
<% if (it.memory) { %><p class="quiet small"><%= it.memory %></p><% } %>
<div class="pair">
<button type="submit" name="decision" value="deny" class="slate"><%= say.deny %></button>
<button type="submit" name="decision" value="allow"><%= say.allow %></button>
</div>
</form>
`;

export const APPS = `<% const say = it.messages.apps %>
<h1><%= it.title %></h1>
<p class="quiet"><%= say.intro %></p>
<dl>
<div><dt><%= it.messages.consent.account %></dt>
<dd class="links"><strong><bdi><%= it.username %></bdi></strong>
<a class="hit small" href="<%= it.signOut %>"><%= it.messages.consent.signOut %></a></dd></div>
</dl>
<% if (it.ended) { %><p class="done" role="status" tabindex="-1" autofocus><%= say.ended %></p><% } %>
<% if (it.apps.length === 0) { %><p><%= say.none %></p><% } else { %>
<form method="post" action="<%= it.action %>">
<input type="hidden" name="form" value="<%= it.form %>">
<ul class="apps">
<% for (const app of it.apps) { %><li>
<h2><bdi><%= app.name || say.nameless %></bdi></h2>
<p class="small"><%= it.messages.consent.resource %>: <% if (app.resourceName) { %><strong><%= app.resourceName %></strong> <% } %><code><%= app.resource %></code></p>
<% if (app.scope.length > 0) { %><ul><% for (const one of app.scope) { %><li><%= one.sentence %></li><% } %></ul><% } %>
<p class="quiet small"><%= say.since(app.since) %> · <%= say.lastUsed(app.lastUsed) %></p>
<button type="submit" name="grant" value="<%= app.grant %>" class="outline" aria-label="<%= say.disconnect %>: <%= app.name || say.nameless %>"><%= say.disconnect %></button>
</li><% } %>
</ul>
</form>
<p class="quiet small"><%= say.names %></p><% } %>
`;

export const SIGN_OUT = `<h1<% if (it.username === undefined) { %> class="sign good"<% } %>><%= it.title %></h1>
<% if (it.username === undefined) { %><p class="quiet"><%= it.messages.signOut.done %></p><% } else { %>
<p><bdi><%= it.messages.signOut.question(it.username) %></bdi></p>
<p class="quiet"><%= it.messages.signOut.consequence %></p>
<form method="post" action="<%= it.action %>">
<input type="hidden" name="form" value="<%= it.form %>">
<button type="submit"><%= it.messages.signOut.submit %></button>
</form>
<% if (it.stay) { %><p class="small"><a class="hit" href="<%= it.stay %>"><%= it.messages.signOut.stay %></a></p><% } %><% } %>
`;

export const LEAVE = `<h1><%= it.title %></h1>
<p><%= it.messages.leave.text %></p>
<dl>
<div><dt><%= it.messages.leave.destination %></dt>
<dd><strong><%~ it.breakable(it.destination.host) %></strong>
<% if (it.destination.hostNote) { %><p class="quiet small"><bdi><%= it.destination.hostNote %></bdi></p><% } %>
<p class="<%= it.destination.isOnThisDevice ? 'note' : 'quiet small' %>"><%= it.destination.warning %></p></dd></div>
</dl>
<p class="quiet small"><%= it.messages.leave.stay %></p>
<a class="button slate" rel="noreferrer" href="<%= it.url %>"><%= it.messages.leave.go %></a>
`;

export const ONWARD = `<h1><%= it.title %></h1>
<p><%= it.messages.onward.text %></p>
<p><strong><%~ it.breakable(it.destination.host) %></strong></p>
<a class="button" rel="noreferrer" href="<%= it.url %>"><%= it.messages.onward.go %></a>
`;

export const FAULT = `<h1 class="sign"><%= it.title %></h1>
<p><%= it.notice.text %></p>
<p class="quiet"><%= it.notice.next %></p>
<% if (it.again) { %><p><a class="button slate" href="<%= it.again.path %>"><%= it.again.label %></a></p><% } %>
<details>
<summary><%= it.messages.fault.details %></summary>
<p><%= it.messages.fault.code %>: <code><%= it.code %></code><br><%= it.description %></p>
<p><%= it.messages.fault.requestId %>: <code><%= it.requestId %></code></p>
</details>
`;
