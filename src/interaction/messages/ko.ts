import type { Messages } from './messages.ts';

const START_AGAIN = '앱으로 돌아가서 연결을 처음부터 다시 시작하세요.';
const TELL_MAKERS = '앱에서 연결을 다시 시작하세요. 같은 일이 반복되면 앱 개발사에 알려 주세요.';

/** Korean. Names stand in quotes before a noun, so that no particle has to agree with a sound we do not know. */
export const ko: Messages = {
  lang: 'ko',
  support: '도움:',
  signIn: {
    title: '로그인',
    intro: (resource) => `어떤 앱이 다음 서버에 접근하려고 합니다: ${resource}. 허용할지는 로그인한 뒤에 결정합니다.`,
    introOwnPage: '허용한 앱을 보려면 로그인하세요.',
    username: '사용자 이름',
    password: '비밀번호',
    submit: '로그인',
    or: '또는',
    signInAt: (provider) => `${provider} 계정으로 로그인`,
    askedBy: '앱을 제공하는 곳',
    answerTo: '앱의 응답이 전달될 곳',
    onlyIfYouBegan: '직접 시작하신 경우에만 계속하세요.',
    wrong: '사용자 이름 또는 비밀번호가 올바르지 않습니다.',
    stale: '페이지가 오래되었습니다. 다시 로그인하세요.',
    throttled: (seconds) =>
      seconds < 90
        ? `시도가 너무 많습니다. ${seconds}초 뒤에 다시 시도하세요.`
        : `시도가 너무 많습니다. ${Math.ceil(seconds / 60)}분 뒤에 다시 시도하세요.`,
  },
  consent: {
    title: (app) => `“${app}” 앱의 접근을 허용할까요?`,
    configured: '다음 앱이',
    document: '다음 주소에서 확인된 앱이',
    registeredWeb: '다음 주소에서 응답을 받는 앱이',
    registeredLoopback: '이 컴퓨터의 다음 주소에 있는 앱이',
    registeredScheme: '다음으로 시작하는 링크를 여는 이 기기의 앱이',
    asks: '회원님의 이름으로 접근하려고 합니다.',
    claim: (name) => `앱이 스스로 밝힌 이름: “${name}”`,
    unverified: '이 이름은 앱이 직접 정한 것으로, 확인되지 않았습니다.',
    account: '로그인한 계정',
    switchAccount: '본인이 아닌가요? 다른 계정 사용',
    signOut: '로그아웃',
    resource: '접근하려는 서버',
    scope: '앱이 할 수 있게 되는 일',
    noScope: '연결 외에는 없습니다. 앱이 요청한 권한이 없습니다.',
    choice: '허용하고 싶지 않은 것은 선택을 해제하세요.',
    nothingChosen: '선택된 것이 없습니다. 허용할 것을 선택하거나 “거부”를 누르세요.',
    offlineAccess: '자리를 비운 동안에도 연결 유지',
    scopeWithoutSentence: (name) => `“${name}” 권한 사용`,
    spelled: (host) => `원래 문자 표기: ${host}`,
    confusable: '이 주소에는 다른 글자로 착각하기 쉬운 글자가 있습니다. 아는 주소인 경우에만 계속하세요.',
    destination: '다음으로 브라우저가 이동할 곳',
    destinationWeb: '그곳에서 오신 경우에만 계속하세요.',
    destinationLoopback: '이 컴퓨터입니다. 방금 직접 시작하신 경우에만 계속하세요.',
    destinationScheme: (scheme) =>
      `이 기기에서 “${scheme}” 링크를 처리하는 프로그램이 열립니다. 방금 직접 시작하신 경우에만 계속하세요.`,
    memory: (lasts) =>
      `허용하면, 앱이 더 많은 권한을 요청하지 않는 한 이 브라우저에서는 ${'days' in lasts ? `${lasts.days}일` : `${lasts.hours}시간`} 동안 다시 묻지 않습니다.`,
    deny: '거부',
    allow: '허용',
  },
  signOut: {
    title: '로그아웃',
    question: (username) => `“${username}” 계정으로 로그인되어 있습니다.`,
    consequence: '로그아웃하면 이 브라우저의 로그인이 끝납니다. 허용한 앱의 연결은 유지됩니다.',
    submit: '로그아웃',
    stay: '로그인 유지',
    doneTitle: '로그아웃됨',
    done: '이 브라우저에는 로그인되어 있지 않습니다. 이 페이지를 닫아도 됩니다.',
  },
  apps: {
    title: '허용한 앱',
    intro:
      '아래 앱은 표시된 범위 안에서 회원님의 이름으로 접근할 수 있습니다. 연결을 끊거나 오랫동안 사용하지 않으면 끝납니다.',
    none: '계정에 연결된 앱이 없습니다.',
    nameless: '이름 없는 앱',
    names: '이름은 앱이 직접 정한 것으로, 확인되지 않았습니다.',
    since: (day) => `허용한 날: ${day}`,
    lastUsed: (day) => `마지막 사용: ${day}`,
    disconnect: '연결 끊기',
    ended: '연결을 끊었습니다. 그 앱은 더 이상 접근할 수 없습니다.',
  },
  leave: {
    title: '앱으로 돌아갈까요?',
    text: '어떤 앱이 묻지 않고 계속하려고 했지만, 이 브라우저에는 로그인되어 있지 않습니다.',
    destination: '브라우저가 이동할 곳',
    stay: '직접 시작하지 않았다면 이 페이지를 닫으세요.',
    go: '그곳에서 계속하기',
  },
  onward: {
    title: '로그인되었습니다',
    text: '더 결정할 것이 없습니다. 다음으로 브라우저가 이동합니다.',
    go: '계속하기',
  },
  fault: {
    again: '요청 다시 보기',
    signInAgain: '로그인으로 돌아가기',
    details: '기술 정보',
    code: '오류',
    requestId: '요청 번호',
    byReason: {
      interaction_expired: {
        title: '만료된 페이지입니다',
        text: '페이지가 너무 오래 열려 있었거나 주소가 완전하지 않습니다.',
        next: START_AGAIN,
      },
      interaction_spent: {
        title: '이미 답한 요청입니다',
        text: '이 요청은 이미 허용하거나 거부하셨으므로 더 처리된 것이 없습니다.',
        next: '앱이 아직 기다리고 있다면 앱으로 돌아가서 연결을 다시 시작하세요.',
      },
      interaction_of_other_browser: {
        title: '이 브라우저의 페이지가 아닙니다',
        text: '아무것도 처리되지 않았습니다. 다른 브라우저에서 연 페이지이거나, 이 브라우저에서 쿠키가 꺼져 있습니다.',
        next: '이 사이트의 쿠키를 허용한 뒤 요청을 다시 보거나, 앱에서 처음부터 다시 시작하세요.',
      },
      interaction_of_other_person: {
        title: '다른 사람이 로그인되어 있습니다',
        text: '아무것도 처리되지 않았습니다. 지금 로그인한 계정이 아닌 다른 계정을 위한 페이지입니다.',
        next: '요청을 다시 보고, 원하는 계정으로 결정하세요.',
      },
      interaction_cross_site: {
        title: '다른 사이트에서 보낸 양식입니다',
        text: '아무것도 처리되지 않았습니다. 다른 사이트가 회원님 대신 이 양식을 보내려고 했습니다.',
        next: '앱을 연결하려던 것이라면 앱으로 돌아가서 연결을 다시 시작하세요.',
      },
      upstream_unknown: {
        title: '더 이상 이 방법으로 로그인할 수 없습니다',
        text: '방금 거쳐 온 제공자는 이 서버에서 로그인에 사용하는 곳이 아닙니다.',
        next: START_AGAIN,
      },
      upstream_state_invalid: {
        title: '이 응답은 사용할 수 없습니다',
        text: '여기서 시작한 로그인에 대한 응답이 아니거나 응답이 완전하지 않습니다. 아무 작업도 하지 않았습니다.',
        next: START_AGAIN,
      },
      upstream_of_other_provider: {
        title: '이 응답은 사용할 수 없습니다',
        text: '다른 제공자에서 로그인을 시작하셨습니다. 아무 작업도 하지 않았습니다.',
        next: `직접 하신 일이 아니라면 이 페이지를 닫으세요. ${START_AGAIN}`,
      },
      upstream_spent: {
        title: '이미 처리된 응답입니다',
        text: '제공자의 응답이 이미 사용되어 더 이상 아무 작업도 하지 않았습니다.',
        next: '요청을 다시 확인하세요. 이미 로그인되어 있을 수 있습니다.',
      },
      upstream_denied: {
        title: '로그인되지 않았습니다',
        text: '제공자에서 로그인이 중단되었습니다.',
        next: '다시 로그인하거나 다른 방법으로 로그인하세요.',
      },
      upstream_refused: {
        title: '로그인되지 않았습니다',
        text: '제공자가 로그인을 허용하지 않았습니다.',
        next: '다시 시도하세요. 계속되면 아래 요청 번호와 함께 서버 운영자에게 알려 주세요.',
      },
      upstream_issuer_wrong: {
        title: '이 응답은 신뢰할 수 없습니다',
        text: '요청한 제공자가 아닌 다른 곳에서 온 응답입니다. 로그인되지 않았습니다.',
        next: '다시 로그인하세요. 계속되면 아래 요청 번호와 함께 서버 운영자에게 알려 주세요.',
      },
      upstream_answer_invalid: {
        title: '이 응답은 신뢰할 수 없습니다',
        text: '제공자가 알려 준 내용을 확인할 수 없습니다. 로그인되지 않았습니다.',
        next: '다시 로그인하세요. 계속되면 아래 요청 번호와 함께 서버 운영자에게 알려 주세요.',
      },
      upstream_not_fresh: {
        title: '제공자가 다시 확인하지 않았습니다',
        text: '앱은 방금 로그인했을 것을 요구하지만, 제공자가 이를 확인해 주지 않습니다.',
        next: '제공자에서 로그아웃한 다음 여기서 다시 로그인하세요.',
      },
      upstream_account_not_admitted: {
        title: '이 계정으로는 로그인할 수 없습니다',
        text: '제공자에서는 로그인했지만, 이 계정은 여기서 허용되지 않습니다.',
        next: '다른 계정으로 로그인하거나 서버 운영자에게 문의하세요.',
      },
      client_unknown_at_authorize: {
        title: '이 서버가 모르는 앱입니다',
        text: '이곳으로 보낸 앱이 이 서버에 등록되어 있지 않거나, 등록이 없어졌습니다.',
        next: '앱에서 연결을 삭제한 뒤 다시 추가하세요.',
      },
      redirect_uri_not_registered: {
        title: '믿을 수 없는 링크입니다',
        text: '이곳으로 보낸 앱이 등록하지 않은 주소로 응답을 받으려고 합니다.',
        next: '계속하지 마세요. 사용하시는 앱이라면 앱 개발사에 알려 주세요.',
      },
      redirect_uri_missing: {
        title: '완전하지 않은 링크입니다',
        text: '이곳으로 보낸 앱이 어디로 돌아갈지 알려 주지 않았습니다.',
        next: TELL_MAKERS,
      },
      request_uri_invalid: {
        title: '만료된 링크입니다',
        text: '바로, 한 번만 열어야 하는 링크입니다.',
        next: START_AGAIN,
      },
      client_document_unreachable: {
        title: '지금은 이 앱을 확인할 수 없습니다',
        text: '앱이 자신의 사이트라고 밝힌 곳이 제대로 응답하지 않습니다.',
        next: '나중에 다시 시도하세요. 같은 일이 반복되면 앱 개발사에 알려 주세요.',
      },
      client_document_invalid: {
        title: '이 앱을 확인할 수 없습니다',
        text: '앱이 자신의 사이트에서 밝힌 내용을 사용할 수 없습니다.',
        next: '앱 개발사에 알려 주세요.',
      },
      client_document_refused: {
        title: '이곳에서 허용되지 않는 앱입니다',
        text: '이 서버의 운영자가 그 사이트의 앱을 허용하지 않습니다.',
        next: '앱이 필요하다면 이 서버의 운영자에게 문의하세요.',
      },
      sign_in_required: {
        title: '로그인되어 있지 않습니다',
        text: '어떤 앱이 묻지 않고 계속하려고 했지만, 이 브라우저에는 로그인되어 있지 않습니다.',
        next: '직접 시작하셨다면 앱으로 돌아가서 다시 연결하세요.',
      },
      body_too_large: {
        title: '보낸 내용이 너무 큽니다',
        text: '이 서버가 받을 수 있는 것보다 많은 내용이 전송되었습니다. 아무것도 처리되지 않았습니다.',
        next: '돌아가서 내용을 줄여 다시 시도하거나, 앱에서 처음부터 다시 시작하세요.',
      },
      rate_limited: {
        title: '요청이 너무 많습니다',
        text: '짧은 시간에 너무 많은 요청이 있었습니다.',
        next: '1분쯤 기다린 뒤 다시 시도하세요.',
      },
      not_found: {
        title: '이곳에는 아무것도 없습니다',
        text: '주소가 잘못되었거나 페이지가 없어졌습니다.',
        next: START_AGAIN,
      },
      method_not_allowed: {
        title: '여기서는 할 수 없는 일입니다',
        text: '주소는 맞지만, 요청한 방식으로는 쓸 수 없습니다.',
        next: START_AGAIN,
      },
      unavailable: {
        title: '지금은 사용할 수 없습니다',
        text: '이 서버에 필요한 다른 서비스가 응답하지 않습니다. 아무것도 처리되지 않았습니다.',
        next: '잠시 기다린 뒤 이 페이지를 새로 고치세요.',
      },
    },
    refused: {
      title: '사용할 수 없는 요청입니다',
      text: '이곳으로 보낸 앱의 요청에 잘못이 있습니다.',
      next: TELL_MAKERS,
    },
    internal: {
      title: '서버에 문제가 생겼습니다',
      text: '회원님의 잘못이 아니며, 아무것도 처리되지 않았습니다.',
      next: '잠시 뒤 다시 시도하세요. 같은 일이 반복되면 아래의 요청 번호와 함께 이 서버의 운영자에게 알려 주세요.',
    },
  },
};
