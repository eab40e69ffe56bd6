// Every text of the page, in English and Hebrew. {name} is filled in.

import { language } from './session.js';

const TEXTS = {
  // the frame
  now: ['Now', 'עכשיו'],
  runs: ['Runs', 'ריצות'],
  skip: ['Skip to the content', 'דילוג לתוכן'],
  views: ['Views', 'תצוגות'],
  otherLanguage: ['עברית', 'English'],
  pause: ['Pause', 'השהיה'],
  resume: ['Resume', 'המשך'],
  live: ['live', 'חי'],
  pausedNote: ['Refreshing is paused', 'הרענון מושהה'],
  noAnswer: ['The service does not answer. Still trying.',
    'השירות אינו עונה. ממשיכים לנסות.'],
  failed: ['That did not work: {message}', 'הפעולה נכשלה: {message}'],
  loading: ['Loading', 'טוען'],
  close: ['Close', 'סגירה'],

  // the token
  tokenTitle: ['A token, please', 'נדרש אסימון'],
  tokenText: ['This service is guarded by ADMIN_TOKEN. It stays in this tab and '
    + 'is forgotten when you close it.',
  'השירות מוגן באמצעות ADMIN_TOKEN. האסימון נשמר בלשונית זו בלבד ונשכח עם סגירתה.'],
  tokenLabel: ['Token', 'אסימון'],
  tokenWrong: ['The service did not accept this token.',
    'השירות לא קיבל את האסימון.'],
  tokenGive: ['Continue', 'המשך'],
  forget: ['Forget the token', 'שכחת האסימון'],
  addressText: ['No ADMIN_TOKEN is set, so the service answers clients on its own '
    + 'machine alone. Set one, restart, and come back:',
  'לא הוגדר ADMIN_TOKEN, ולכן השירות עונה רק ללקוחות מהמחשב שלו. '
    + 'יש להגדיר אותו, להפעיל מחדש ולחזור:'],
  addressTitle: ['Only for this machine', 'רק ממחשב זה'],

  // now
  idle: ['Up to date and waiting', 'מעודכן וממתין'],
  running: ['Syncing', 'מסנכרן'],
  waiting: ['Waiting', 'ממתין'],
  attention: ['The last run needs a look', 'הריצה האחרונה דורשת תשומת לב'],
  down: ['Not ready', 'לא מוכן'],
  neverRan: ['Nothing has run yet', 'עוד לא הייתה ריצה'],
  nextRun: ['Next run', 'הריצה הבאה'],
  noSchedule: ['No schedule: runs are started by hand.',
    'אין תזמון: ריצות מופעלות ידנית.'],
  syncOff: ['Syncing is switched off (BATCH_SYNC_ENABLED).',
    'הסנכרון כבוי (BATCH_SYNC_ENABLED).'],
  runNow: ['Run now', 'הרצה עכשיו'],
  cancel: ['Cancel this run', 'ביטול הריצה'],
  cancelSure: ['Cancel this run? What is in flight is finished and kept; the rest '
    + 'is left for the next run.',
  'לבטל את הריצה? מה שבתהליך יושלם ויישמר, והשאר יחכה לריצה הבאה.'],
  canceling: ['Canceling', 'מבטל'],
  keepRunning: ['Keep it running', 'להשאיר פועלת'],
  alreadyRunning: ['A run is under way already.', 'ריצה כבר פועלת.'],
  lastRun: ['Last run', 'הריצה האחרונה'],
  thisRun: ['This run', 'הריצה הזו'],
  details: ['Details', 'פרטים'],
  dependencies: ['Dependencies', 'תלויות'],
  database: ['Database', 'מסד נתונים'],
  coordinator: ['Coordinator', 'קואורדינטור'],
  embedder: ['Embedder', 'מנוע הטמעה'],
  ok: ['ok', 'תקין'],
  unreachable: ['down', 'לא זמין'],
  unknown: ['not asked yet', 'טרם נבדק'],
  servicesDone: ['{done} of {all} services done', '{done} מתוך {all} שירותים הושלמו'],
  items: ['items', 'פריטים'],
  itemsCount: ['{n} items', '{n} פריטים'],
  perSecond: ['{n} a second', '{n} בשנייה'],
  pagesCount: ['{n} pages', '{n} עמודים'],
  started: ['started', 'התחיל'],
  took: ['took', 'ארך'],
  indexBuilding: ['Building the vector index: {phase}', 'בונה אינדקס וקטורי: {phase}'],
  service: ['Service', 'שירות'],

  // outcomes
  stored: ['stored', 'נשמרו'],
  unchanged: ['unchanged', 'ללא שינוי'],
  deleted: ['deleted', 'נמחקו'],
  collisions: ['replaced in their page', 'הוחלפו בעמוד'],
  failedItems: ['failed', 'נכשלו'],

  // states of runs and services
  'state.running': ['running', 'פועל'],
  'state.success': ['success', 'הצלחה'],
  'state.partial': ['partial', 'חלקי'],
  'state.failed': ['failed', 'נכשל'],
  'state.interrupted': ['interrupted', 'הופסק'],
  'state.canceled': ['canceled', 'בוטל'],
  'state.abandoned': ['abandoned', 'ננטש'],
  'trigger.replica': ['another replica', 'עותק אחר'],
  'state.pending': ['waiting', 'ממתין'],
  'state.skipped': ['not begun', 'לא התחיל'],
  'trigger.http': ['by HTTP', 'דרך HTTP'],
  'trigger.cli': ['command line', 'שורת פקודה'],
  'trigger.schedule': ['scheduled', 'מתוזמן'],
  'trigger.startup': ['start-up', 'עליית השירות'],
};

/** The text of that key; one that is not in the list is itself. */
export function t(key, values = {}) {
  const texts = TEXTS[key] ?? [key.split('.').at(-1)];
  const text = texts[language.value === 'he' ? 1 : 0] ?? texts[0];
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? '');
}
