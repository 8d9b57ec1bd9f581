"""Common words to be echoed: enough of them that copying is easier to learn than the list.

Nouns, verbs, adjectives and small words, in small letters; German nouns get their capital by chance, as all words do.
"""

from __future__ import annotations

from pipeline.tasks.episode import Language

_ENGLISH = """
ability able about above accept accident account across action active actor address adult advice afraid after
afternoon again against agree air airport alarm album alive alone along already although amount ancient angle angry
animal ankle answer anybody apart appear april area argue arm army around arrive arrow art artist ask asleep aunt
autumn avoid awake away baby bacon bad badge bag balance ball balloon banana band bank bar bark barn barrel bath bay
beach bean bear beard beautiful because become bed bee beef before begin behind believe bell belong belt bench berry
beside better between bicycle bill bite bitter black blanket blind block blood board boat body boil bone boot border
borrow both bowl box boy brain branch brass bread breakfast breath brick bridge brief bring broken brother brown brush
bubble bucket build bull burn bus bush busy butter buy cabbage cabin cable cage cake calendar call calm camel camera
camp canal candy canoe cap car card care carrot carry cart case cause cave ceiling cell cent centre century chain
chalk chance change channel chapter charm chase cheap cheese cherry chess chest chicken chief child chimney chin
chocolate choice choose church cinema citizen city claim class clay clean clear climb clock close cloth coal coast
coat coffee coin collar collect college colour comb come comfort common compass concert cook cool corner correct
cotton cough count country couple courage cousin cover cow crab cradle crane crazy cream creature crew cricket crime
crop cross crowd crown cruel cry cube culture cup cupboard curious curtain curve custom cut daily damage dance danger
daughter dear decide deep deer degree delay delicious dentist depend describe desk dessert device diamond diary
dictionary different difficult dig dinner direct dirt discover dish distance dive divide dollar dolphin donkey double
dough dozen dragon draw dream dress drink drive drop drum dry duck dust duty eagle ear early earn earth east easy eat
echo edge effect egg eight either elbow electric elephant else end enemy energy enjoy enough enter equal error escape
evening event every exact example excuse exercise expect expert explain extra eye fabric face fact factory fail fair
fall false family famous far farm fashion fast fat father favour fear feel fence fever field fifteen fifty fight
figure fill film final find finger finish fire first fit five flag flame flat flavour float flood floor flour flower
flute fly fog fold follow food foot football forget fork form forty forward fountain four fox frame free freeze fresh
fridge friday frog front frost fruit full fun funny furniture future game garage garlic gate gather general ghost
giant gift giraffe girl give glad glass glove glue goal goat gold goose grain grammar grand grape grass gravity great
grey grip ground group grow guard guess guest guide hair half hall hammer hand handle hang happen happy hard hat hate
hawk head health hear heart heat hedge height hello help hen herb hero hidden high hill history hobby hold hole
holiday hollow home honest honey hook hope horn hospital hotel hour huge human hundred hungry hunt hurry husband ice
idea important inch include indeed ink insect inside instead invent invite iron item jacket jam january jar jazz jelly
jewel job join joke journey joy judge juice jump june jungle junior just keep kettle kick kind king kiss kite knee
knife knock knot know lake lamb lamp land language large last late laugh law lazy lead leaf learn leather leave lemon
length less lesson level library lid life lift like lily lion lip list listen little live loaf local lock log lonely
long look loose lorry lose loud love low lucky lunch machine magic mail main make man manner map maple march market
marry mask match matter meal mean measure meat medicine meet melon member memory mention menu message metal method
middle mile mind minute miss mistake mix modern moment monday money monkey month most mother motor mouse mouth move
much mud muscle museum mushroom must nail name napkin nation native nature near neck need neighbour nephew nerve nest
net nice niece nine noble nobody noise noon normal north nose note nothing notice novel nurse nut oak obey object
ocean october offer office often oil olive onion only opera opinion opposite orchard order ordinary other oven over
owl own owner oxygen oyster pack page pain paint pair palace palm pan pancake parade parcel parent park parrot part
party pass past paste path patient pattern pause pay peace peach peanut pear pearl pen penguin people perfect perhaps
person petal phone photo piano picnic picture piece pig pigeon pillow pilot pine pink pipe pirate pizza place plain
plan plant plate play plenty plum poem poet polite pond pony pool poor popular porridge post potato pound pour powder
power practice present press pretty price pride prince print prison prize problem promise proud pull pump pumpkin
pupil puppy purse push quarter queen question quick quilt quite quiz race radio rail raisin range rapid rare rat raw
reach read real reason receive recipe record reduce regular relax remember rent repair reply rescue rest result return
reward rhythm rice rich ride ring ripe rise risk road roast robin rock roll roof room root rope rose rough round row
royal rubber rude rug rule run rush rust sad safe sail salad salmon same sand sandwich sauce sausage save saw scale
scarf science scissors score scout sea search season seat second secret see seed seem seldom sell send sense sentence
september serious seven several shade shake shallow shape share sharp shave sheep sheet shelf shell shelter shine ship
shirt shoe shop short shoulder shout show shower shy sick side sign silence silk silly similar since sing single
sister sit six size skin skirt sky sleep slice slide slope slow smell smile smoke smooth snail snake snow soap social
sock soft soil soldier solid some song sorry sort soul sound soup south space spare spark speak special speed spell
spend spice spin splash spoon sport spot spread spring square squirrel stage stair stamp stand star station stay steal
steam steel stem step stick stiff storm story stove straight strange straw stream string strong student study style
subject sudden sugar suit sunday supper sure surprise swallow swan sweet swim swing sword table tail take tale talent
talk tall tank tape task taste tax taxi tea team tear tell temple ten tennis tent term text thank theatre thick thief
thin thing think third thirsty thirty thousand thread three throat throw thumb tide tidy tie tiger tight time tin tiny
tired toast today toe together tomato tomorrow tongue tonight tool tooth top total touch towel tower town toy track
trade travel treasure treat trick trip trousers true trumpet trunk trust try tuesday tulip tune turn twelve twenty
twin twist type ugly umbrella uncle under uniform unit until upper useful usual valuable value vanilla vegetable
velvet very video view village vinegar visit voice volcano vote voyage wait wake walk wall walnut war wardrobe warn
wash wasp watch wave way weak wealth wear weather wedding week weight welcome west whale wheat wheel while whisper
white whole wide wife wild win wind wine wing wire wise wish wolf woman wonder wood wool word work worm worry worth
wound wrap wrist write wrong yard year yesterday young youth zero zone zoo
"""
_GERMAN = """
abend aber abfahrt achtung acht ahorn alle allein alltag alter ameise ampel amsel anfang angebot angst anker ankunft
antwort anzug april arbeit arm arzt asche ast atem auch aufgabe auge august ausflug ausgang auto axt bach backen bad
bahn bald balkon ball bank bauch bauen bauer becher beere beginn bein beispiel benzin bequem bereit beruf besen besser
besuch bett biene bier bild billig birne bitter blatt blick blitz blond blume bluse boden bohne boot borgen braun
breit bremse brennen brille bruder brust bub bunt bus butter dach dame dampf dann daumen decke denken dick dieb
dienstag diese ding doch dolch dom doppelt dorf dort dose drache draht drei dringend drucken dumm dünn durch durst
dusche ecke edel ehre eiche eichhörnchen eifrig eigen eile eimer einkauf eins eisen elefant elf eltern ende eng engel
enkel ente erbse erde erfolg ernst ernte erst erzählen esel essen etwas eule euro fabrik faden fahne fahren fahrrad
falle falsch familie fangen farbe fass fast faul februar fehler feier feige fein feld fell fels ferien fern fest
feucht feuer fieber film finden finger finster flach flamme fleisch fliege fliegen flink flöte flug flügel flur form
foto frage frau frei freitag fremd freude frieden frisch froh frosch frucht früh frühling fuchs fuß futter gabel gans
ganz gast gebäude geben geburt gedicht gefahr geheim gehen geld gemüse genau genug gepäck gerade gern gesang geschenk
gesicht gestern gesund gewinn gewitter gift glas glatt glaube gleich glocke glück gold gras gratis grenze grob gruppe
gruß gurke gürtel haar haben hafer hahn halb hals halten hammer hand handschuh hart haut heben heft heim heiß held
helfen hemd herbst herd herr herz heute hilfe himbeere himmel hinten hirsch hoch hof hoffen höhe höhle holz honig
hören horn hose hotel huhn hügel hunger hut hütte idee igel immer impfung ingwer insekt irrtum jagd jahr januar jeder
jeans joghurt jubel jugend juli jung junge juni käfer kaffee käfig kaiser kalb kalender kamel kamera kamin kamm kanal
kanne kapitän karotte karte kartoffel käse kasse kasten kater kaufen kegel kein keks keller kennen kerl kette kind
kino kirche kirsche kissen kiste klasse klatschen kleben kleid klein klettern klingel klopfen kloster knie knochen
knoten koch kochen koffer kohl kohle komisch kommen könig können konzert kopf korn körper kraft kran krank kraut
kreide kreuz krieg krone krug kuchen kugel kuh kühl kunst kurve kurz kuss küste lachen laden lager lahm lampe land
lang lärm laub laufen laut leben leder ledig legen lehrer leicht leid leise lernen lesen leute liebe lied liegen lila
linde links lippe liste loch locke löffel lohn los löwe luft lustig machen mädchen magen mai mais malen mann mantel
markt marmelade märz maschine maus mauer maurer mehl meise meister melone mensch messer metall miete minute mittag
mitte mittwoch möbel mode mögen monat mond montag moos morgen möwe müde mühle mund munter münze muschel museum muskel
mut mutter mütze nachbar nachricht nagel nah name nase nass natur nebel neffe nehmen neid nein nennen nest nett netz
neun nichte nicht niemand noch norden not november nudel null nur nuss oben obst ochse oder ofen oft ohne ohr oktober
öl oma onkel opa orden ordnung ort osten ostern paar paket palme panne papagei papst park party pass pause pech pelz
pilz pinsel pinguin pirat plan platte platz plötzlich pokal polizei post preis prinz probe prosit puppe putzen qualle
quark quelle quer quittung rabe rad radio rand rasch rasen rat rauch raum rechnen recht rede regal reich reif reihe
reis reise rennen rest retten rezept rind ring rock roggen rohr rolle rose rosine rübe rücken rudern rufen ruhe rund
sack saft sagen sahne salat samen sammeln samstag sand sanft satt satz sauber sauer säule schaf schal schale scharf
schaufel schein schere scheune schiff schild schlaf schlange schlau schlecht schlitten schloss schluss schmal schmutz
schnabel schnecke schnee schneider schnur schokolade schon schrank schraube schreiben schritt schuh schulter schüssel
schwach schwalbe schwan schwarz schwein schwester schwimmen sechs see segel sehen sehr seide seife seil seite selten
senf september sessel sicher sieben sieg singen sitz sofa sofort sohn soldat sommer sonntag sorge spät spaß spatz
speck speise sperre spiel spitz sport sprache sprung stadt stall stamm stange stark staub stehen steigen stelle stern
steuer stiefel stift stille stimme stirn stock stolz storch strand straße strauch streit streng strom strumpf stück
stufe stumm stunde suche süden suppe süß tafel tag tanne tante tanz tasse taube tauschen tausend tee teich teig teil
teller tempel teuer text theater tief tier tiger tinte tisch tochter tomate topf tor torte tot traube trauer traum
treffen treppe treu trinken trocken trommel tropfen tuch tulpe turm turnen tür über ufer uhr und unten unter urlaub
vater veilchen vergessen verkehr verlieren viel vier volk voll vorhang vorn vorsicht waage wach wachsen waffel wahl
wahr wand wandern wange wann warten warum waschen watte wecken weg weich weihnachten wein weiß weit weizen welle welt
wenig werfen werk werkstatt weste westen wetter wichtig widder wiege wiese wild wind winkel wirklich wirt wissen witz
woche wohnung wolf wolle wort wunder wunsch wurm wurst wurzel zahn zange zart zaun zebra zehn zeichen zeigen zeit
zeitung zelt zettel zeuge ziege ziel zimmer zimt zirkus zitrone zopf zorn zucker zunge zusammen zwanzig zwei zweig
zwerg zwiebel zwölf
"""

COMMON: dict[Language, tuple[str, ...]] = {
    "en": tuple(dict.fromkeys(_ENGLISH.split())),
    "de": tuple(dict.fromkeys(_GERMAN.split())),
}
