import type { Messages } from './messages.ts';

const START_AGAIN = 'Go back to the app and start connecting again.';

/** English. */
export const en: Messages = {
  lang: 'en',
  support: 'Help:',
  signIn: {
    title: 'Sign in',
    intro: (resource) => `An app is asking for access to ${resource}. You decide about it after signing in.`,
    introOwnPage: 'Sign in to see the apps you allowed.',
    username: 'Username',
    password: 'Password',
    submit: 'Sign in',
    or: 'or',
    signInAt: (provider) => `Sign in with ${provider}`,
    askedBy: 'The app is from',
    answerTo: 'Its answer will go to',
    onlyIfYouBegan: 'Go on only if you started this yourself.',
    wrong: 'The username or the password is not right.',
    stale: 'This page was out of date. Please sign in again.',
    throttled: (seconds) =>
      seconds < 90
        ? `Too many attempts. Wait ${seconds} ${seconds === 1 ? 'second' : 'seconds'}, then try again.`
        : `Too many attempts. Wait ${Math.ceil(seconds / 60)} minutes, then try again.`,
  },
  consent: {
    title: (app) => `Allow access for ${app}?`,
    configured: 'The app',
    document: 'The app from',
    registeredWeb: 'An app that answers at',
    registeredLoopback: 'An app on this computer, at',
    registeredScheme: 'An app on this device, for links that begin with',
    asks: 'asks for access in your name.',
    claim: (name) => `It calls itself “${name}”.`,
    unverified: 'This name was chosen by the app and is not verified.',
    account: 'Signed in as',
    switchAccount: 'Not you? Use another account',
    signOut: 'Sign out',
    resource: 'To the server',
    scope: 'The app will be able to',
    noScope: 'Nothing beyond connecting: no permission was asked for.',
    choice: 'Untick what you do not want to allow.',
    nothingChosen: 'Nothing is ticked. Tick what you want to allow, or choose Deny.',
    offlineAccess: 'Stay connected while you are away',
    scopeWithoutSentence: (name) => `Use the permission “${name}”`,
    spelled: (host) => `in its own letters: ${host}`,
    confusable: 'This address has letters that can pass for others. Continue only if you know it.',
    destination: 'Your browser goes next to',
    destinationWeb: 'Continue only if you came from there.',
    destinationLoopback: 'This is on this computer. Continue only if you started this yourself, a moment ago.',
    destinationScheme: (scheme) =>
      `This opens the program that answers “${scheme}” links on this device. Continue only if you started this yourself, a moment ago.`,
    memory: (lasts) => {
      const [count, unit] =
        'days' in lasts ? [lasts.days, 'days'] : [lasts.hours, lasts.hours === 1 ? 'hour' : 'hours'];
      return `If you allow this, you are not asked again in this browser for ${count} ${unit}, unless the app wants more.`;
    },
    deny: 'Deny',
    allow: 'Allow',
  },
  signOut: {
    title: 'Sign out',
    question: (username) => `You are signed in as ${username}.`,
    consequence: 'Signing out ends this browser’s session. Apps you allowed stay connected.',
    submit: 'Sign out',
    stay: 'Stay signed in',
    doneTitle: 'Signed out',
    done: 'You are not signed in here. You can close this page.',
  },
  apps: {
    title: 'Apps you allowed',
    intro:
      'Each of them can act in your name, within what is listed, until you disconnect it or it lies unused for long.',
    none: 'No app is connected to your account.',
    nameless: 'An app without a name',
    names: 'Names were chosen by the apps and are not verified.',
    since: (day) => `Allowed on ${day}`,
    lastUsed: (day) => `last used on ${day}`,
    disconnect: 'Disconnect',
    ended: 'Disconnected. The app has no access any more.',
  },
  leave: {
    title: 'Go back to the app?',
    text: 'An app wanted to continue without asking you, but you are not signed in here.',
    destination: 'Your browser would go to',
    stay: 'If you did not start this, close this page.',
    go: 'Continue there',
  },
  onward: {
    title: 'You are signed in',
    text: 'There is nothing to decide. Your browser goes on to',
    go: 'Continue',
  },
  fault: {
    again: 'Look at the request again',
    signInAgain: 'Back to signing in',
    details: 'Technical details',
    code: 'Error',
    requestId: 'Request',
    byReason: {
      interaction_expired: {
        title: 'This page has expired',
        text: 'It was open for too long, or its address is not complete.',
        next: START_AGAIN,
      },
      interaction_spent: {
        title: 'This was already answered',
        text: 'You have already allowed or denied this request, so nothing more was done.',
        next: 'If the app is still waiting, go back to it and start connecting again.',
      },
      interaction_of_other_browser: {
        title: 'This page does not belong to this browser',
        text: 'Nothing was done. The page was opened in another browser, or cookies are switched off here.',
        next: 'Allow cookies for this site, then look at the request again or start anew in the app.',
      },
      interaction_of_other_person: {
        title: 'Somebody else is signed in now',
        text: 'Nothing was done. The page was made for another account than the one that is signed in.',
        next: 'Look at the request again and decide with the account you want.',
      },
      interaction_cross_site: {
        title: 'This form came from another site',
        text: 'Nothing was done. Another site tried to send this form for you.',
        next: 'If you wanted to connect an app, go back to the app and start connecting again.',
      },
      upstream_unknown: {
        title: 'You cannot sign in this way any more',
        text: 'The provider you come from is not one that people sign in with here.',
        next: START_AGAIN,
      },
      upstream_state_invalid: {
        title: 'This answer cannot be used',
        text: 'It belongs to no sign-in that began here, or it is not complete. Nothing was done.',
        next: START_AGAIN,
      },
      upstream_of_other_provider: {
        title: 'This answer cannot be used',
        text: 'You began signing in with another provider. Nothing was done.',
        next: `If you did not do this yourself, close this page. ${START_AGAIN}`,
      },
      upstream_spent: {
        title: 'You came back a second time',
        text: 'The provider’s answer was already used, so nothing more was done.',
        next: 'Look at the request again; you may be signed in already.',
      },
      upstream_denied: {
        title: 'You are not signed in',
        text: 'The sign-in was ended at the provider.',
        next: 'Sign in again, there or another way.',
      },
      upstream_refused: {
        title: 'You are not signed in',
        text: 'The provider did not let you sign in.',
        next: 'Try again. If this comes back, tell whoever runs this server, with the request number below.',
      },
      upstream_issuer_wrong: {
        title: 'This answer cannot be trusted',
        text: 'It comes from another provider than the one that was asked. You are not signed in.',
        next: 'Sign in again. If this comes back, tell whoever runs this server, with the request number below.',
      },
      upstream_answer_invalid: {
        title: 'This answer cannot be trusted',
        text: 'What the provider says about you could not be verified. You are not signed in.',
        next: 'Sign in again. If this comes back, tell whoever runs this server, with the request number below.',
      },
      upstream_not_fresh: {
        title: 'The provider did not ask you again',
        text: 'The app wants you to have signed in just now, and the provider does not confirm that.',
        next: 'Sign out at the provider, then sign in again here.',
      },
      upstream_account_not_admitted: {
        title: 'This account may not sign in here',
        text: 'You signed in at the provider, but people with this account are not let in here.',
        next: 'Sign in with another account, or ask whoever runs this server.',
      },
      client_unknown_at_authorize: {
        title: 'This app is not known here',
        text: 'The app that sent you here is not registered with this server, or its registration is gone.',
        next: 'Remove the connection in the app and add it again.',
      },
      redirect_uri_not_registered: {
        title: 'This link cannot be trusted',
        text: 'The app that sent you here wants the answer at an address it did not register.',
        next: 'Do not continue. If you use this app, tell the people who make it.',
      },
      redirect_uri_missing: {
        title: 'This link is not complete',
        text: 'The app that sent you here did not say where to return to.',
        next: 'Start connecting again in the app. If this comes back, tell the people who make it.',
      },
      request_uri_invalid: {
        title: 'This link has expired',
        text: 'It was meant to be opened right away, and once.',
        next: START_AGAIN,
      },
      client_document_unreachable: {
        title: 'This app cannot be checked right now',
        text: 'The site the app names as its own does not answer as it should.',
        next: 'Try again later. If this comes back, tell the people who make the app.',
      },
      client_document_invalid: {
        title: 'This app cannot be checked',
        text: 'What the app says of itself at its own site cannot be used.',
        next: 'Tell the people who make the app.',
      },
      client_document_refused: {
        title: 'This app is not accepted here',
        text: 'Whoever runs this server does not let apps of that site connect.',
        next: 'If you need the app, ask whoever runs this server.',
      },
      sign_in_required: {
        title: 'You are not signed in',
        text: 'An app wanted to continue without asking you, and nobody is signed in here.',
        next: 'If you started this, go back to the app and connect again.',
      },
      body_too_large: {
        title: 'That was too much',
        text: 'More was sent than this server takes. Nothing was done.',
        next: 'Go back and try again with less, or start anew in the app.',
      },
      rate_limited: {
        title: 'Too many requests',
        text: 'Too much was asked from here in a short time.',
        next: 'Wait a minute, then try again.',
      },
      not_found: {
        title: 'There is nothing here',
        text: 'The address is wrong, or the page is gone.',
        next: START_AGAIN,
      },
      method_not_allowed: {
        title: 'That does not work here',
        text: 'This address is there, but not for what was asked of it.',
        next: START_AGAIN,
      },
      unavailable: {
        title: 'Not available right now',
        text: 'Something this server depends on does not answer. Nothing was done.',
        next: 'Wait a moment, then reload this page.',
      },
    },
    refused: {
      title: 'This request cannot be used',
      text: 'The app that sent you here made a mistake in its request.',
      next: 'Start connecting again in the app. If this comes back, tell the people who make it.',
    },
    internal: {
      title: 'Something went wrong on our side',
      text: 'It is not your fault, and nothing was done.',
      next: 'Wait a moment and try again. If this comes back, tell whoever runs this server, with the request number below.',
    },
  },
};
