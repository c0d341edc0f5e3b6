// Sentences for measuring a quantised model when its user gave none: questions, requests, statements, fragments, code,
// numbers, names and a few other scripts, short and long. They ask nothing of a tokenizer. Data: exempt from line
// counts.
#include "learn/quant_data.h"

namespace bantam {
namespace {

constexpr const char* kSentences[] = {
    "Where is my parcel?",
    "I would like to return the shoes that I bought last week.",
    "Cancel my subscription.",
    "The bank charged me twice for the same hotel night.",
    "How do I reset the password of my router?",
    "Could you move my appointment from Tuesday to Thursday afternoon?",
    "thanks, that worked",
    "no",
    "Is there a vegetarian option on the lunch menu?",
    "My flight was cancelled and nobody at the counter could tell me when the next one leaves.",
    "The old lighthouse stood at the end of the pier, white paint peeling in the salt wind.",
    "Water boils at a lower temperature on a mountain because the air pressure is lower.",
    "The committee approved the budget for the coming year by seven votes to four.",
    "Photosynthesis turns light, water and carbon dioxide into sugar and oxygen.",
    "A recipe for six people: 400 g of flour, 3 eggs, a pinch of salt, 250 ml of milk.",
    "Turn left at the church, cross the bridge, and you will see the museum on your right.",
    "The patient reports headaches in the morning and a stiff neck since Monday.",
    "Quarterly revenue rose 12.4 % to 3.7 billion, while costs stayed flat.",
    "for (int i = 0; i < n; ++i) sum += x[i] * y[i];",
    "error: cannot open file 'config.yaml': permission denied",
    "SELECT name, total FROM orders WHERE paid = 0 ORDER BY total DESC;",
    "git push was rejected because the remote contains work that you do not have locally",
    "The contract ends on 31 March 2031 unless either party gives notice three months before.",
    "Tenants must keep the stairwell free of bicycles and prams.",
    "Which planet has the most moons?",
    "Who painted the ceiling of the chapel?",
    "What time does the pharmacy on the market square close on Saturdays?",
    "How far is it from Lisbon to Porto by train?",
    "She plays the cello in the town orchestra and teaches mathematics.",
    "The goalkeeper saved two penalties before the rain stopped the match.",
    "Two dogs are running through the shallow water at the beach.",
    "A man in a blue jacket is repairing the roof of a small house.",
    "A woman is slicing tomatoes in a bright kitchen.",
    "Children are building a tower of wooden blocks.",
    "The train from the north is forty minutes late because of a fallen tree on the line.",
    "It was the worst film I have seen in years: slow, loud and far too long.",
    "Wonderful little restaurant, friendly people, and the best fish soup on the coast!",
    "The battery lasts a day and a half, but the charger gets alarmingly hot.",
    "Screen arrived cracked, asked for a replacement twice, still no answer.",
    "Please send the invoice to accounting and a copy to me.",
    "Meeting notes: budget agreed, launch moved to May, Jana writes the announcement.",
    "The vaccine must be stored between two and eight degrees and used within six hours of opening.",
    "Unemployment fell for the third month in a row, the statistics office said.",
    "The volcano on the island has been quiet for more than a century.",
    "Interest is calculated daily and credited at the end of each quarter.",
    "A neural network with a single hidden layer can approximate any continuous function.",
    "Proof: suppose that the square root of two were a fraction in lowest terms.",
    "The judge ruled that the evidence had been collected unlawfully.",
    "Bees returning to the hive show the others the way by dancing.",
    "The second movement opens with a slow theme in the violas.",
    "Turn on the lights in the living room and set them to warm white",
    "play something quiet by a piano trio",
    "what is the weather going to be like in Oslo at the weekend",
    "remind me to water the tomatoes every second evening",
    "transfer fifty euros from savings to checking",
    "translate good night into Finnish",
    "Is it safe to take this medicine together with grapefruit juice?",
    "Why does my bread rise well and then collapse in the oven?",
    "Compare the two offers and tell me which one is cheaper over three years.",
    "Summarise this letter in one sentence.",
    "Wo kann ich mein Fahrrad reparieren lassen?",
    "La réunion commence à neuf heures dans la grande salle.",
    "El tren llega con veinte minutos de retraso.",
    "Спасибо, посылка пришла вчера.",
    "明日の会議は何時からですか。",
    "أين أقرب محطة قطار؟",
    "The river had risen in the night, and by the time the first farmers came down to the ford the stepping stones "
    "were "
    "gone, the rope bridge hung by one side, and on the far bank a line of mules stood waiting in the rain with their "
    "loads of wool and their drivers asleep under a sheet of canvas.",
    "To change the filter, switch the machine off and let it cool for an hour, loosen the two screws under the cover, "
    "slide the old filter out towards you, wipe the frame with a dry cloth, push the new filter in until it clicks, "
    "and "
    "fasten the cover again; the lamp goes out when the machine has noticed the new filter, which can take a minute.",
    "In this paper we ask whether small models, trained on narrow tasks with careful data, can replace large general "
    "ones in the routine work of a public office, and we find that for sorting letters, finding the form that belongs "
    "to "
    "a question and noticing when a question needs a person, they do so at a hundredth of the cost with no measurable "
    "loss of quality, provided that they are allowed to say that they do not know.",
};

}  // namespace

QuantData SampleSentences() {
  QuantData data;
  data.texts.assign(std::begin(kSentences), std::end(kSentences));
  return data;
}

}  // namespace bantam
