// Every text of the page, in English and Hebrew. {name} is filled in.

import { language } from './session.js';

const TEXTS = {
  // the frame
  now: ['Now', 'עכשיו'],
  runs: ['Runs', 'ריצות'],
  services: ['Services', 'שירותים'],
  letters: ['Dead letters', 'רשומות שנכשלו'],
  search: ['Search', 'חיפוש'],
  record: ['Record', 'רשומה'],
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
  readOnly: ['read-only token', 'אסימון לצפייה בלבד'],
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

  // runs
  status: ['State', 'מצב'],
  all: ['all', 'הכול'],
  older: ['Older', 'ישנות יותר'],
  newest: ['Newest', 'החדשות ביותר'],
  noneSuch: ['No run is in this state', 'אין ריצות במצב זה'],
  duration: ['duration', 'משך'],
  timeline: ['Timeline', 'ציר זמן'],
  askedFor: ['What was asked for', 'מה התבקש'],
  everything: ['everything', 'הכול'],
  'fact.trigger': ['Started', 'הופעל'],
  'fact.kind': ['Kind', 'סוג'],
  'fact.source': ['Services named by', 'השירותים לפי'],
  'fact.since': ['Changes since', 'שינויים מאז'],
  'fact.limit': ['Items a page', 'פריטים בעמוד'],
  'fact.model': ['Model and dimensions', 'מודל וממדים'],
  'fact.tenant': ['Tenant', 'דייר'],
  'fact.embedded': ['Embedded', 'הוטמעו'],
  'fact.resumed': ['Times resumed', 'מספר חידושים'],
  'fact.id': ['Id', 'מזהה'],
  'fact.created': ['First stored', 'נשמר לראשונה'],
  'fact.updated': ['Last written', 'נכתב לאחרונה'],
  'fact.run': ['By the run', 'בריצה'],

  // services
  lastSuccess: ['last success', 'הצלחה אחרונה'],
  never: ['never', 'אף פעם'],
  noSchema: ['no schema', 'אין סכימה'],
  schema: ['Schema', 'סכימה'],
  storedAs: ['Stored as', 'נשמר בשם'],
  noLetters: ['no dead letters', 'אין כשלים'],
  lettersCount: ['{n} dead letters', '{n} כשלים'],
  'source.env': ['from BATCH_SYNC_SERVICES', 'לפי BATCH_SYNC_SERVICES'],
  'source.coordinator': ['listed by the coordinator', 'לפי הקואורדינטור'],
  'source.fallback': ['from the fallback list', 'לפי רשימת ברירת המחדל'],

  // dead letters
  lettersText: ['Items that could not be stored, by what went wrong. They cost '
    + 'nothing until the item, the model or the schema changes, or you retry them.',
  'פריטים שלא ניתן היה לשמור, לפי הסיבה. אין להם עלות עד שהפריט, המודל או '
    + 'הסכימה ישתנו, או עד שתנסו אותם שוב.'],
  lettersNone: ['No dead letters. Every item is where it belongs.',
    'אין כשלים. כל פריט במקומו.'],
  'letters.open': ['open', 'פתוחים'],
  'letters.resolved': ['resolved', 'נפתרו'],
  'letters.all': ['all', 'הכול'],
  'letter.open': ['tried by the next run', 'ייבדק בריצה הבאה'],
  'letter.known': ['left alone', 'בהמתנה'],
  'letter.resolved': ['resolved', 'נפתר'],
  lastSeen: ['last seen', 'נראה לאחרונה'],
  showLetters: ['Show {n}', 'הצגת {n}'],
  hide: ['Hide', 'הסתרה'],
  payload: ['Item as it came', 'הפריט כפי שהגיע'],
  noId: ['no id', 'ללא מזהה'],
  times: ['seen {n}×', 'נראה {n}×'],
  retryOne: ['Retry', 'ניסיון חוזר'],
  retryMany: ['Retry all {n}', 'ניסיון חוזר לכל {n}'],
  retrySure: ['Try {n} again now? Their services are read in a run, and each item '
    + 'is paid for once more.',
  'לנסות שוב {n} עכשיו? השירותים שלהם ייקראו בריצה, וכל פריט יחויב פעם נוספת.'],
  retryYes: ['Try again', 'לנסות שוב'],
  retryNo: ['Leave them', 'להשאיר'],
  retried: ['{n} will be tried again by the run that has begun, or the next one.',
    '{n} ייבדקו שוב בריצה שהחלה או בבאה אחריה.'],

  // search and records
  searchText: ['What would someone ask?', 'מה היו שואלים?'],
  find: ['Find', 'חיפוש'],
  foundNone: ['Nothing is stored yet that could be found', 'עדיין אין מה למצוא'],
  searchHint: ['Searches what was stored, as a reader of the store would: the '
    + 'nearest texts first.',
  'מחפש במה שנשמר, כפי שהיה עושה קורא של המאגר: הטקסטים הקרובים קודם.'],
  similarity: ['similarity', 'דמיון'],
  textAsEmbedded: ['Text, as it was embedded', 'הטקסט כפי שהוטמע'],
  metadata: ['Metadata', 'מטא־נתונים'],
  piece: ['Piece {n}', 'חלק {n}'],
  noVector: ['This piece has no vector.', 'לחלק זה אין וקטור.'],

  // advice
  advice: ['Advice', 'המלצות'],
  adviceNone: ['Nothing to mend. Everything is as it should be.',
    'אין מה לתקן. הכול כפי שצריך.'],
  'level.bad': ['Mend this', 'דורש תיקון'],
  'level.warn': ['Have a look', 'כדאי לבדוק'],
  'level.info': ['Good to know', 'כדאי לדעת'],
  look: ['Show it', 'להצגה'],
  copy: ['Copy', 'העתקה'],
  copied: ['Copied', 'הועתק'],

  // neighbours
  neighbours: ['Nearest items', 'הפריטים הקרובים'],
  neighboursNone: ['Nothing is linked to this item yet.',
    'עדיין אין פריטים מקושרים לפריט זה.'],

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
