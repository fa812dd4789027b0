"""What was seen, and what to write, in Korean.

Rules write English, with their numbers in it. Here is each of their sentences with {}
at the places of what varies, and the same in Korean, where {0} is the first of these
places. What stands there is a number, a name, a line of Python, or a phrase.
"""

import functools
import re

__all__ = ["in_korean"]

SEEN = {
    # Head, loss and target.
    "output {}: {}": "출력 {0}: {1}",
    "the last layer is a softmax of one unit": "마지막 층이 유닛 하나짜리 softmax입니다",
    "one unit under {}": "{0}인데 유닛이 하나입니다",
    "targets of -1 and 1": "목표값이 -1과 1입니다",
    "the two classes are written {} and {}": "두 클래스가 {0}, {1}로 적혀 있습니다",
    "{} ({} to {}) and one sigmoid unit": "{0} ({1}~{2})인데 sigmoid 유닛은 하나입니다",
    "the target has {}, a column each, and the last layer {}": (
        "목표값은 {0} (한 열에 하나씩), 마지막 층은 {1}입니다"
    ),
    "labels from {} to {} for {}": "{2}에 라벨이 {0}부터 {1}까지입니다",
    "{} for the classes {} to {}": "클래스는 {1}부터 {2}까지인데 {0}입니다",
    "labels from {} to {}, each a whole number over {}": (
        "라벨이 {0}부터 {1}까지이고, 모두 정수를 {2}로 나눈 값입니다"
    ),
    "targets from {} to {} under {}": "{2}인데 목표값이 {0}부터 {1}까지입니다",
    "{}, numbered {} to {}, under {}": "{3}인데 목표값은 {0}이고 번호는 {1}부터 {2}까지입니다",
    "one-hot rows of {} under {}": "{1}인데 목표값은 {0}의 원-핫 행입니다",
    "targets that are {} or 1 under {}": "{1}인데 목표값은 {0} 아니면 1입니다",
    "rows with up to {} labels at once, and units that share a sum of 1": (
        "한 행에 라벨이 {0}개까지 있는데 유닛들의 합은 1입니다"
    ),
    "rows with several labels, or none, and a softmax, whose units sum to 1": (
        "라벨이 여럿이거나 없는 행이 있는데 softmax 유닛들의 합은 1입니다"
    ),
    "{} for {}, of which each row has one": "행마다 하나인 {1}에 {0}입니다",
    "each row has one of {}, and the units are sigmoids": (
        "행마다 {0} 가운데 하나인데 유닛은 sigmoid입니다"
    ),
    "{} on a last layer without an activation": (
        "활성화 함수가 없는 마지막 층에 {0}입니다"
    ),
    "{} on {} units": "{1} 유닛에 {0}입니다",
    "a {} and from_logits=True": "{0}와 from_logits=True가 함께 있습니다",
    "{} on a softmax": "softmax에 {0}입니다",
    "{} on a softmax, and targets that do not sum to 1": (
        "softmax에 {0}인데 목표값의 합이 1이 아닙니다"
    ),
    "loss={} on {}": "{1}에 loss={0}입니다",
    "{} of the targets ({} to {}) lie outside what {} can give, {}": (
        "목표값({1}~{2})의 {0}가 {3}의 범위({4}) 밖에 있습니다"
    ),
    "targets of shape {} for an output of shape {}": (
        "출력의 모양은 {1}, 목표값의 모양은 {0}입니다"
    ),
    "the metric {} with {}": "{1}에 지표 {0}입니다",
    # The network.
    "{} has no activation, and {} follows": "{0}에 활성화 함수가 없고 {1}이 이어집니다",
    "{} have no activation, and {} follows": "{0}에 활성화 함수가 없고 {1}이 이어집니다",
    "{} ends in {}, and {} is a {} of that": "{0}의 끝은 {1}이고 {2}는 그 위의 {3}입니다",
    "{}, a softmax, feeds {}": "softmax인 {0}의 출력이 {1}에 들어갑니다",
    "{} hidden {} layers in a row": "은닉층 {0}개가 잇달아 {1}입니다",
    "all {} units of {} start with the same weights": (
        "{1}의 유닛 {0}개가 모두 같은 가중치로 시작합니다"
    ),
    "all {} units of {} start with the same weights (all 0)": (
        "{1}의 유닛 {0}개가 모두 같은 가중치(0)로 시작합니다"
    ),
    "the weights of {} start at about {}": "{0}의 가중치가 {1}쯤에서 시작합니다",
    "the biases of {} start at {}": "{0}의 편향이 {1}에서 시작합니다",
    "the bias of {} goes into {}": "{0}의 편향이 {1}에 들어갑니다",
    "the bias of {} (and of {} more) goes into {}": (
        "{0} 등 {1}개 더 있는 층의 편향이 {2}에 들어갑니다"
    ),
    "{} drops the network's answers": "{0}이 신경망의 답을 지웁니다",
    "{} drops and scales the numbers of words": "{0}이 단어 번호를 지우고 바꿉니다",
    "{} stands before a batch normalisation": "{0}이 배치 정규화 앞에 있습니다",
    "{} drops {} of the inputs": "{0}이 입력의 {1}를 지웁니다",
    "{} drops {} while training": "{0}이 학습할 때 {1}를 지웁니다",
    "{} dropouts in a row, of {}": "드롭아웃 {0}개가 이어집니다: {1}",
    "{} has one unit, and {} follows": "{0}에 유닛이 하나이고 {1}이 이어집니다",
    "{} has one filter, behind {} and before {}": (
        "{0}에 필터가 하나입니다: 앞은 {1}, 뒤는 {2}"
    ),
    "{} has {} filters, {} leaves one number of each, and there are {} classes": (
        "{0}의 필터가 {1}개인데 {2}가 하나씩에서 수 하나만 남기고, 클래스는 {3}개입니다"
    ),
    "{} works on values of shape {}": "{0}이 모양이 {1}인 값에 작용합니다",
    "{} returns every step, and the last layer answers for each": (
        "{0}이 모든 단계를 내보내고 마지막 층이 단계마다 답합니다"
    ),
    "all {} layers with weights have trainable=False": (
        "가중치가 있는 층 {0}개가 모두 trainable=False입니다"
    ),
    "no layer has weights": "가중치가 있는 층이 없습니다",
    "{} has kernel_regularizer={}": "{0}에 kernel_regularizer={1}가 있습니다",
    "{}(activation={}){}": "{0}(activation={1}){2}",
    "{}(recurrent_activation={}){}": "{0}(recurrent_activation={1}){2}",
    "the recurrent weights of {} start so large that a step makes states {} times as "
    "large": (
        "{0}의 순환 가중치가 너무 크게 시작해 한 단계마다 상태가 {1}배가 됩니다"
    ),
    "the weights of {} start so large that z is about {} for inputs of size 1": (
        "{0}의 가중치가 너무 크게 시작해 크기 1인 입력에 z가 {1}쯤입니다"
    ),
    "the weights of the {} hidden layers start so large that inputs of size 1 come out "
    "as about {}": (
        "은닉층 {0}개의 가중치가 너무 크게 시작해 크기 1인 입력이 {1}쯤이 되어 나옵니다"
    ),
    "the weights of the hidden layers start so small that of inputs of size 1 about {} "
    "is left": (
        "은닉층의 가중치가 너무 작게 시작해 크기 1인 입력이 {0}쯤만 남습니다"
    ),
    "{} leaves {} of a grid of {}": "{0}이 {2}의 칸에서 {1}만 남깁니다",
    "{} has windows of {} at a stride of {}": "{0}의 창은 {1}, 스트라이드는 {2}입니다",
    # Settings.
    "a learning rate of {} for {}": "{1}의 학습률이 {0}입니다",
    "a learning rate of {} for {} with momentum {}": (
        "{1}(momentum {2})의 학습률이 {0}입니다"
    ),
    "the schedule of {} begins at {} and has come down to {} after a tenth of the "
    "fit's {} steps": (
        "{0}의 학습률이 {1}에서 시작해 전체 {3}걸음의 10분의 1이 지났을 때 {2}로 내려갑니다"
    ),
    "a callback has lowered the learning rate from {} to {} within {} epochs, and the "
    "loss is {}; guessing has {}": (
        "콜백이 {2}에포크 동안 학습률을 {0}에서 {1}로 낮췄고, 손실은 {3}, 찍기의 손실은 "
        "{4}입니다"
    ),
    "batch_size={} for {} rows": "{1}행에 batch_size={0}입니다",
    "{} steps in the whole fit ({} rows, batch_size={}, epochs={})": (
        "전체 학습이 {0}걸음입니다 ({1}행, batch_size={2}, epochs={3})"
    ),
    "{} step in the whole fit ({} rows, batch_size={}, epochs={})": (
        "전체 학습이 {0}걸음입니다 ({1}행, batch_size={2}, epochs={3})"
    ),
    "class {} has {} rows and the weight {}, class {} has {} rows and the weight {}": (
        "클래스 {0}은 {1}행에 가중치 {2}, 클래스 {3}은 {4}행에 가중치 {5}입니다"
    ),
    "{} has momentum={}, and the fit {} steps: {} of its moving averages are still the "
    "0 and 1 they began with": (
        "{0}은 momentum={1}, 학습은 {2}걸음입니다: 이동 평균의 {3}가 아직 처음의 0과 "
        "1입니다"
    ),
    "{} with batch_size=1": "{0}인데 batch_size=1입니다",
    "shuffle=False, and the rows stand in the order of their {} classes": (
        "shuffle=False인데 행들이 클래스 {0}개의 순서대로 있습니다"
    ),
    "the rows stand in the order of their classes, so that no training row has the "
    "class {} of the rows held out": (
        "행이 클래스 순서로 있어서, 떼어 둔 행의 클래스 {0}이 학습 행에 없습니다"
    ),
    "the rows stand in the order of their classes, so that no training row has the "
    "classes {} of the rows held out": (
        "행이 클래스 순서로 있어서, 떼어 둔 행의 클래스 {0}이 학습 행에 없습니다"
    ),
    "the rows stand in the order of their classes, so all {} rows looked at of those "
    "held out have the class {}": (
        "행이 클래스 순서로 있어서, 떼어 둔 행 가운데 본 {0}행이 모두 클래스 {1}입니다"
    ),
    "y is sorted, and the rows held out have {} to {} where the training rows have {} "
    "to {}": (
        "y가 정렬되어 있어 떼어 둔 행은 {0}~{1}, 학습 행은 {2}~{3}입니다"
    ),
    # Data.
    "columns of {} have sizes up to {} (the root of the mean square)": (
        "{0}의 열의 크기가 {1}에 이릅니다(제곱 평균의 제곱근)"
    ),
    "all of {} is small: sizes up to {}": "{0}가 모두 작습니다: 크기 {1} 이하",
    "columns of {} have sizes from {} to {}": "{0}의 열의 크기가 {1}부터 {2}까지입니다",
    "all rows of {} are the same": "{0}의 모든 행이 같습니다",
    "the same number in every row of {}: column {}": (
        "{0}의 {1}번 열은 모든 행에서 같은 수입니다"
    ),
    "the same number in every row of {}: columns {}": (
        "{0}의 {1}번 열들은 모든 행에서 같은 수입니다"
    ),
    "column {} of x is about {}, and its rows differ by {}": (
        "x의 {0}번 열은 {1}쯤인데 행끼리는 {2}만큼 다릅니다"
    ),
    "{} of the steps of y are 0 at the end of their row, where x is 0 too": (
        "y의 단계 가운데 {0}가 행 끝의 0이고, 거기서는 x도 0입니다"
    ),
    "column {} of x tells y: one follows from the other {}": (
        "x의 {0}번 열이 y를 알려 줍니다: 하나에서 다른 하나가 나옵니다 {1}"
    ),
    "column {} of x nearly tells y: one follows from the other {}": (
        "x의 {0}번 열이 y를 거의 알려 줍니다: 하나에서 다른 하나가 나옵니다 {1}"
    ),
    "column {} of x is {} in every row of class {}, and in no other row": (
        "x의 {0}번 열은 클래스 {2}의 모든 행에서 {1}이고, 다른 행에서는 한 번도 아닙니다"
    ),
    "columns {} and {} of x tell y together, in every row: {}": (
        "x의 {0}번 열과 {1}번 열이 함께 모든 행에서 y를 알려 줍니다: {2}"
    ),
    "{} takes (batch, steps, features) and gets (n, {}, {}); neighbours along the last "
    "axis are alike (correlation {}), along the steps they are not ({})": (
        "{0}은 (배치, 단계, 특징)을 받는데 (n, {1}, {2})가 들어옵니다. 마지막 축의 이웃은 "
        "비슷하고(상관 {3}) 단계의 이웃은 그렇지 않습니다({4})"
    ),
    "{} takes (batch, steps, features) and gets {}": (
        "{0}은 (배치, 단계, 특징)을 받는데 {1}이 들어옵니다"
    ),
    "{} takes (batch, channels, rows, columns) and gets {}": (
        "{0}은 (배치, 채널, 행, 열)을 받는데 {1}이 들어옵니다"
    ),
    "{} takes (batch, rows, columns, channels) and gets {}": (
        "{0}은 (배치, 행, 열, 채널)을 받는데 {1}이 들어옵니다"
    ),
    "{} of the rows have the class {}": "행의 {0}가 클래스 {1}입니다",
    "every target is {}": "모든 목표값이 {0}입니다",
    "targets from {} to {}": "목표값이 {0}부터 {1}까지입니다",
    "{} of the {} validation rows are training rows too": (
        "검증 행 {1}개의 {0}가 학습 행이기도 합니다"
    ),
    "{} of the validation windows begin one step before or after a training window, "
    "and share all other steps with it": (
        "검증 창의 {0}가 학습 창의 한 단계 앞이나 뒤에서 시작해 나머지 단계를 모두 "
        "함께 씁니다"
    ),
    "column {} of x counts times in equal steps, y changes little from one to the "
    "next, and validation rows stand between training rows": (
        "x의 {0}번 열은 일정한 간격의 시각이고 y는 조금씩 변하는데, 검증 행이 학습 행 "
        "사이에 있습니다"
    ),
    "the columns of the validation x {}": "검증 x의 열들이 {0}",
    "the validation {} is {} than the training {}": "검증 {0}는 학습 {2}보다 {1}",
    "the validation {} is {} as the training {}": "검증 {0}는 학습 {2}의 {1}",
    "{} of {} numbers in {} are NaN or infinite; the first is at row {}, column {}": (
        "{2}의 수 {1}개 가운데 {0}개가 NaN이나 무한대입니다. 첫째는 {3}행 {4}열입니다"
    ),
    "{} of {} numbers in {} are NaN or infinite; the first is at row {}": (
        "{2}의 수 {1}개 가운데 {0}개가 NaN이나 무한대입니다. 첫째는 {3}행입니다"
    ),
    # The run.
    "{} of {} members ({}); of member {}: {}": "{1}개 가운데 {0}개({2}번). {3}번: {4}",
    "the loss became {} in epoch {}": "{1}에포크에 손실이 {0}이 되었습니다",
    "the loss became {} in epoch {}: in step {} of epoch {}, at {}, by the operation "
    "'{}', from numbers up to {}": (
        "{1}에포크에 손실이 {0}이 되었습니다: {3}에포크의 {2}번째 걸음, {4}에서, 연산 "
        "'{5}'이 {6}까지의 수로 만들었습니다"
    ),
    "the weights were NaN or infinite before the fit began": (
        "학습을 시작하기 전에 이미 가중치가 NaN이나 무한대였습니다"
    ),
    "the loss went from {} to {}": "손실이 {0}에서 {1}로 갔습니다",
    "the loss went from {} to {}; guessing gives {}": (
        "손실이 {0}에서 {1}로 갔습니다. 찍기의 손실은 {2}입니다"
    ),
    "{}, while a callback raised the learning rate from {} to {}": (
        "{0}. 그동안 콜백이 학습률을 {1}에서 {2}로 올렸습니다"
    ),
    "{}, while a callback raised the learning rate from {} to {}, {} where it was "
    "least": (
        "{0}. 그동안 콜백이 학습률을 {1}에서 {2}로 올렸고, 손실이 가장 작을 때는 "
        "{3}이었습니다"
    ),
    "the loss had fallen to {} by epoch {} and has grown again to {}": (
        "손실이 {1}에포크에 {0}까지 내려갔다가 다시 {2}로 커졌습니다"
    ),
    "the loss is {} after {} epochs; the best answer that is the same for every row "
    "has {}": (
        "{1}에포크 뒤 손실이 {0}입니다. 모든 행에 같은 답을 할 때 가장 좋은 손실은 "
        "{2}입니다"
    ),
    "after {} steps ({} epochs) the loss is {}, and guessing alone has {}": (
        "{0}걸음({1}에포크) 뒤 손실은 {2}, 찍기만 해도 {3}입니다"
    ),
    "after {} steps ({} epochs) the loss is {}, and guessing alone has {}; it still "
    "falls, by {} an epoch": (
        "{0}걸음({1}에포크) 뒤 손실은 {2}, 찍기만 해도 {3}입니다. 아직 에포크마다 {4}씩 "
        "내려갑니다"
    ),
    "from epoch to epoch the loss changes by {} of itself, and back again (it is {} to "
    "{})": (
        "손실이 에포크마다 자기 크기의 {0}만큼 바뀌고 되돌아옵니다({1}~{2})"
    ),
    "in the last {} of {} epochs the loss still fell by {}, to {}": (
        "{1}에포크 가운데 마지막 {0}에포크에서도 손실이 {2} 내려가 {3}이 되었습니다"
    ),
    "in the last {} of {} epochs the loss still fell by {}, to {}, and a callback "
    "ended the fit": (
        "{1}에포크 가운데 마지막 {0}에포크에서도 손실이 {2} 내려가 {3}이 되었는데, "
        "콜백이 학습을 끝냈습니다"
    ),
    "the training loss fell to {}, but that of rows not seen is {}, after {} in epoch "
    "{}": (
        "학습 손실은 {0}까지 내려갔지만 보지 않은 행의 손실은 {3}에포크의 {2}에서 {1}이 "
        "되었습니다"
    ),
    "the training loss fell to {}, but that of rows not seen is {}, after {} in epoch "
    "{}; the accuracies are {} apart": (
        "학습 손실은 {0}까지 내려갔지만 보지 않은 행의 손실은 {3}에포크의 {2}에서 {1}이 "
        "되었습니다. 정확도 차이는 {4}입니다"
    ),
    "rows not seen have a loss of {}, training rows {}; {} has momentum={}, and after "
    "{} steps {} of its moving averages are still the 0 and 1 they began with": (
        "보지 않은 행의 손실은 {0}, 학습 행은 {1}입니다. {2}은 momentum={3}이고 {4}걸음 "
        "뒤에도 이동 평균의 {5}가 처음의 0과 1입니다"
    ),
    "rows not seen are answered almost perfectly after {} epochs (loss {}), and column "
    "{} of x follows the target (correlation {})": (
        "{0}에포크 만에 보지 않은 행을 거의 다 맞히고(손실 {1}), x의 {2}번 열이 목표값을 "
        "따라갑니다(상관 {3})"
    ),
    "{} of {} ReLU units of {} answer 0 to every row": (
        "{2}의 ReLU 유닛 {1}개 가운데 {0}개가 모든 행에 0을 냅니다"
    ),
    "{} of {} ReLU units of {} answer 0 to every row, most of them from the start": (
        "{2}의 ReLU 유닛 {1}개 가운데 {0}개가 모든 행에 0을 내고, 대부분 처음부터 "
        "그렇습니다"
    ),
    "{} of the units of {} give the ends of {} for nearly every row": (
        "{1}의 유닛 {0}가 거의 모든 행에 {2}의 끝값을 냅니다"
    ),
    "the gradient of {} is {}, that of {} is {}, {} times as large": (
        "{0}의 기울기는 {1}, {2}의 기울기는 {3}로 {4}배입니다"
    ),
    "of {} steps the first ones have gradients {} times those of the last, before the "
    "fit; its loss is still that of guessing ({})": (
        "{0}단계 가운데 처음 단계의 기울기가 학습 전에 마지막 단계의 {1}배이고, 손실은 "
        "아직 찍기의 손실({2})입니다"
    ),
    "the gradient of {} is {}, its weights are {}": (
        "{0}의 기울기는 {1}, 가중치는 {2}입니다"
    ),
    "the targets have a size of {} (the root of the mean square), and so the gradient "
    "of {} is {}": (
        "목표값의 크기가 {0}(제곱 평균의 제곱근)이고, 그래서 {1}의 기울기가 {2}입니다"
    ),
    "the whole fit has {} steps, each of which moves a weight by {} of itself": (
        "전체 학습이 {0}걸음이고, 한 걸음은 가중치를 자기 크기의 {1}만큼 움직입니다"
    ),
    "a step moves a weight by {} of itself, all {} steps by no more than {}; the loss "
    "is {}, it began with {}": (
        "한 걸음은 가중치를 자기 크기의 {0}만큼, {1}걸음 모두 합해도 {2}까지만 움직입니다. "
        "손실은 {3}, 처음에는 {4}였습니다"
    ),
    "of the loss {} the regularisation is {} (before the fit {} of {})": (
        "손실 {0} 가운데 규제가 {1}입니다(학습 전에는 {3} 가운데 {2})"
    ),
    "all {} units of {} have the same weights after {} epochs": (
        "{2}에포크 뒤에도 {1}의 유닛 {0}개가 모두 같은 가중치입니다"
    ),
    "the weights of {} are what they were before the fit": (
        "{0}의 가중치가 학습 전과 같습니다"
    ),
    "all {} sampled rows are answered with class {}, which {} of the rows have": (
        "뽑은 {0}행에 모두 클래스 {1}로 답하는데, 그 클래스는 행의 {2}입니다"
    ),
    "the loss was never below {}, and guessing has {}; of {} rows the nearest others "
    "tell y no better than they tell y in an order of chance": (
        "손실이 {0} 아래로 내려간 적이 없고 찍기의 손실은 {1}입니다. {2}행에서 가까운 "
        "행들은 y를, 순서를 뒤섞은 y보다 더 잘 알려 주지 못합니다"
    ),
    "the loss of rows not seen was never below {}, and guessing has {}; of {} rows the "
    "nearest others tell y no better than they tell y in an order of chance": (
        "보지 않은 행의 손실이 {0} 아래로 내려간 적이 없고 찍기의 손실은 {1}입니다. "
        "{2}행에서 가까운 행들은 y를, 순서를 뒤섞은 y보다 더 잘 알려 주지 못합니다"
    ),
    "of the {} rows whose {} nearest neighbours agree best, {} have another label than "
    "these, of any class at random": (
        "가장 가까운 이웃 {1}개의 라벨이 가장 잘 맞는 {0}행 가운데 {2}가 이웃과 다른, "
        "제멋대로인 라벨입니다"
    ),
    "on its own training rows the network has {}, and the loss has come to rest at {}; "
    "the {} nearest other rows of each row would have {}": (
        "학습 행에서 신경망은 {0}이고 손실은 {1}에서 멈췄습니다. 행마다 가장 가까운 다른 "
        "{2}행은 {3}입니다"
    ),
}  # fmt: skip

INSTEAD = {
    # Head, loss and target.
    "write {}": "이렇게 쓰세요: {0}",
    "write {} with {}": "이렇게 쓰세요: {0}, {1}",
    "write {}, or {}": "이렇게 쓰세요: {0}, 또는 {1}",
    "write {} or {}": "이렇게 쓰세요: {0} 또는 {1}",
    "write {} with {}, or {}": "이렇게 쓰세요: {0}, {1} 또는 {2}",
    "write {} (or {})": "이렇게 쓰세요: {0} (또는 {1})",
    "write {} with loss='binary_crossentropy' for two classes, or a softmax with one "
    "unit for each class": (
        "두 클래스면 {0}와 loss='binary_crossentropy', 더 많으면 클래스마다 유닛이 하나인 "
        "softmax를 쓰세요"
    ),
    "write {} with loss='binary_crossentropy' for two classes, or {} for C classes": (
        "두 클래스면 {0}와 loss='binary_crossentropy', 클래스가 C개면 {1}을 쓰세요"
    ),
    "write {}, then {} with {}": "이렇게 쓰세요: {0}, 그리고 {1}, {2}",
    "write {}, or tanh with {}": "이렇게 쓰세요: {0}, 또는 tanh와 {1}",
    "write {}, or keep the layer and write {}": (
        "이렇게 쓰세요: {0}. 층을 그대로 두려면 {1}"
    ),
    "write {}, without an activation": "활성화 함수 없이 이렇게 쓰세요: {0}",
    "write {}, or scale y to that range": (
        "이렇게 쓰거나 y를 그 범위로 바꾸세요: {0}"
    ),
    "write {}, or give y that shape": "이렇게 쓰거나 y를 그 모양으로 바꾸세요: {0}",
    "write {} for one-hot rows, or {} for class numbers": (
        "원-핫 행이면 {0}, 클래스 번호면 {1}을 쓰세요"
    ),
    "write {}, which takes class numbers": "클래스 번호를 받는 {0}을 쓰세요",
    "write {}, which takes one-hot rows": "원-핫 행을 받는 {0}을 쓰세요",
    "number the classes from 0: {}": "클래스 번호를 0부터 매기세요: {0}",
    "write return_sequences=False in {}": "{0}에 return_sequences=False를 쓰세요",
    "add {} or {} before the last layer": "마지막 층 앞에 {0}나 {1}을 넣으세요",
    "add Flatten() or GlobalAveragePooling2D() before it": (
        "그 앞에 Flatten()이나 GlobalAveragePooling2D()를 넣으세요"
    ),
    # The network.
    "write {} in the hidden layers, or put BatchNormalization() between them": (
        "은닉층에 {0}을 쓰거나 사이에 BatchNormalization()을 두세요"
    ),
    "write {} before {}, or leave {} out": (
        "{1} 앞에 {0}을 쓰거나 {2}을 빼세요"
    ),
    "leave kernel_initializer out, or write {}": (
        "kernel_initializer를 빼거나 {0}을 쓰세요"
    ),
    "leave kernel_initializer out, or write {} before relu and {} before sigmoid and "
    "tanh": (
        "kernel_initializer를 빼거나, relu 앞에는 {0}, sigmoid와 tanh 앞에는 {1}을 쓰세요"
    ),
    "leave bias_initializer out: biases start at 0": (
        "bias_initializer를 빼세요: 편향은 0에서 시작합니다"
    ),
    "leave recurrent_initializer out: it is 'orthogonal'": (
        "recurrent_initializer를 빼세요: 기본값은 'orthogonal'입니다"
    ),
    "leave recurrent_activation out: it is 'sigmoid'": (
        "recurrent_activation을 빼세요: 기본값은 'sigmoid'입니다"
    ),
    "leave the activation out: {} has tanh": (
        "activation을 빼세요: {0}의 기본값은 tanh입니다"
    ),
    "put it before the last layer with weights": (
        "가중치가 있는 마지막 층 앞에 두세요"
    ),
    "put it behind the embedding": "임베딩 뒤에 두세요",
    "put the dropout behind the normalisation and its activation": (
        "드롭아웃을 정규화와 그 활성화 함수 뒤에 두세요"
    ),
    "write {} there, or put it between hidden layers": (
        "거기에 {0}을 쓰거나 은닉층 사이에 두세요"
    ),
    "write {}, or less": "{0} 또는 더 작은 값을 쓰세요",
    "write Dropout(0.2) in each, or leave all but the last out": (
        "층마다 Dropout(0.2)를 쓰거나 마지막 하나만 남기세요"
    ),
    "give it more: {}": "더 넓게 하세요: {0}",
    "write {}, or leave one of the layers that shrink out": (
        "{0}을 쓰거나, 줄이는 층 하나를 빼세요"
    ),
    "write model.trainable = True, or layer.trainable = True for those that are to "
    "learn, before compile": (
        "compile 전에 model.trainable = True, 또는 배울 층에만 layer.trainable = True를 "
        "쓰세요"
    ),
    "add a layer that has some, such as Dense": "Dense처럼 가중치가 있는 층을 넣으세요",
    # Settings.
    "let it fall over the whole fit: a larger decay_steps": (
        "학습 전체에 걸쳐 내려가게 decay_steps를 키우세요"
    ),
    "let the rate fall more slowly (a factor of 0.95 an epoch rather than 0.5), or only "
    "where the loss stands: ReduceLROnPlateau(patience=10)": (
        "더 천천히 낮추거나(에포크마다 0.5배 말고 0.95배), 손실이 멈췄을 때만 낮추세요: "
        "ReduceLROnPlateau(patience=10)"
    ),
    "write {}, and no sample_weight": "sample_weight 없이 {0}을 쓰세요",
    "write {}, or train longer": "{0}을 쓰거나 더 오래 학습하세요",
    "a smaller momentum (0.8), smaller batches, or more epochs": (
        "momentum을 줄이거나(0.8), 배치를 줄이거나, 에포크를 늘리세요"
    ),
    "write batch_size=32, or LayerNormalization() in its place": (
        "batch_size=32, 또는 그 자리에 LayerNormalization()을 쓰세요"
    ),
    "shuffle first: {}": "먼저 섞으세요: {0}",
    "leave shuffle=False out": "shuffle=False를 빼세요",
    # Data.
    "write {}, or begin the model with {}": (
        "이렇게 쓰거나: {0}, 모델을 이것으로 시작하세요: {1}"
    ),
    "look at how x was made: {}": "x를 어떻게 만들었는지 보세요: {0}",
    "look at how y was made: {}": "y를 어떻게 만들었는지 보세요: {0}",
    "leave out: {}": "빼세요: {0}",
    "subtract before x becomes float32: {}": "float32가 되기 전에 빼세요: {0}",
    "leave it out, if it is made from y: {}": "y에서 만든 것이면 빼세요: {0}",
    "leave it out, if it is known only with the answer: {}": (
        "답과 함께라야 알 수 있는 것이면 빼세요: {0}"
    ),
    "leave out what is known only afterwards: {}": (
        "나중에야 알 수 있는 것은 빼세요: {0}"
    ),
    "leave the column out: {}": "그 열을 빼세요: {0}",
    "write {}, which makes it {}": "이렇게 쓰면 {1}이 됩니다: {0}",
    "if those {} are steps: {}, which makes it {}": (
        "그 {0}개가 단계라면 이렇게 쓰세요: {1} (결과는 {2})"
    ),
    "leave data_format out: 'channels_last' is what x has": (
        "data_format을 빼세요: x는 'channels_last'입니다"
    ),
    "write {}, and undo it after predict": (
        "이렇게 쓰고 predict 뒤에 되돌리세요: {0}"
    ),
    "write {}, and look at precision and recall": (
        "이렇게 쓰고 precision과 recall을 보세요: {0}"
    ),
    "write {} (of numbers Masking() as the first layer), or give fit a sample_weight "
    "that is 0 at those steps": (
        "{0}(수라면 첫 층에 Masking())을 쓰거나, 그 단계에서 0인 sample_weight를 fit에 "
        "주세요"
    ),
    "hold rows out that are not trained on: {}, with the rows shuffled, and no row "
    "twice": (
        "학습하지 않는 행을 떼어 두세요: {0}, 행을 섞고 같은 행은 한 번만"
    ),
    "split by time: the last fifth of the windows to validate, not some by chance ({}, "
    "with the windows in their order)": (
        "시간으로 나누세요: 아무 창이나 말고 마지막 5분의 1로 검증하세요({0}, 창은 차례대로)"
    ),
    "split by time: {}": "시간으로 나누세요: {0}",
    "prepare both alike, with the numbers of the training rows: {}": (
        "둘 다 학습 행의 수로 똑같이 준비하세요: {0}"
    ),
    "drop those rows: {}": "그 행들을 버리세요: {0}",
    "drop those rows, or fill them: {}": "그 행들을 버리거나 채우세요: {0}",
    "leave out what has no number in any row: {}": (
        "어느 행에도 수가 없는 열을 빼세요: {0}"
    ),
    # The run.
    "divide the learning rate by 10: {}": "학습률을 10으로 나누세요: {0}",
    "divide the learning rate by 10: {}; scale inputs and targets to about -1 to 1 if "
    "they are not": (
        "학습률을 10으로 나누세요: {0}. 입력과 목표값이 -1~1쯤이 아니면 그렇게 맞추세요"
    ),
    "divide the learning rate by 10: {}, or batches larger than {}": (
        "학습률을 10으로 나누거나({0}) 배치를 {1}보다 크게 하세요"
    ),
    "divide the learning rate by 10: {}, scale the inputs, or write clipnorm=1.0": (
        "학습률을 10으로 나누거나({0}), 입력을 맞추거나, clipnorm=1.0을 쓰세요"
    ),
    "model.initialize() draws them anew": "model.initialize()가 새로 뽑습니다",
    "keep its argument away from 0 (jnp.maximum(x, 1e-7)); for a cross-entropy give "
    "logits and from_logits=True": (
        "0에 닿지 않게 하세요(jnp.maximum(x, 1e-7)). 교차 엔트로피에는 로짓과 "
        "from_logits=True를 주세요"
    ),
    "look at the other findings for the cause; if there is none: a hidden layer with "
    "activation='relu' where there is none, more units, another start (seed), or a "
    "larger learning rate": (
        "다른 항목에서 까닭을 찾으세요. 없으면: 은닉층이 없을 때 activation='relu'인 "
        "은닉층, 더 많은 유닛, 다른 시작(seed), 더 큰 학습률"
    ),
    "look at the other findings for the cause": "다른 항목에서 까닭을 찾으세요",
    "weigh the classes: {}, with {}": "클래스에 가중치를 주세요: {0}, 값은 {1}",
    "ten times the rate: {}; with this one it takes about {}": (
        "학습률을 10배로: {0}. 지금 학습률이면 {1}쯤 걸립니다"
    ),
    "epochs={}, or {}": "epochs={0}, 또는 {1}",
    "epochs={}, or a smaller batch_size than {}": (
        "epochs={0}, 또는 {1}보다 작은 batch_size"
    ),
    "a larger learning rate: {}": "더 큰 학습률: {0}",
    "a smaller rate, {}, one that falls (a schedule), or {}": (
        "더 작은 학습률 {0}, 내려가는 학습률(스케줄), 또는 {1}"
    ),
    "if it was a search: take a tenth of the rate with the least loss, and start anew; "
    "if not: a rate that falls": (
        "학습률을 찾던 것이면 손실이 가장 작은 학습률의 10분의 1로 새로 시작하세요. "
        "아니면 내려가는 학습률을 쓰세요"
    ),
    "look at EarlyStopping: monitor='val_loss' with mode='min' (or 'auto'), a larger "
    "patience, min_delta=0": (
        "EarlyStopping을 보세요: monitor='val_loss'에 mode='min'(또는 'auto'), 더 큰 "
        "patience, min_delta=0"
    ),
    "train on: call fit again, or {} with {}": (
        "더 학습하세요: fit을 다시 부르거나, {0}과 {1}"
    ),
    "more data; or a smaller model (half the units); or L2 or L1 on the weights: {}, "
    "then 0.01; or {}": (
        "더 많은 데이터, 더 작은 모델(유닛 절반), 가중치에 L2나 L1: {0}, 다음은 0.01, "
        "또는 {1}"
    ),
    "{}, inputs scaled to about -1 to 1, and activation='leaky_relu' or 'elu', whose "
    "slope is never 0": (
        "{0}, -1~1쯤으로 맞춘 입력, 그리고 기울기가 0이 되지 않는 "
        "activation='leaky_relu'나 'elu'"
    ),
    "scale the inputs to about -1 to 1, keep the default initial weights, and use "
    "activation='relu' in hidden layers; {} may also have been too fast": (
        "입력을 -1~1쯤으로 맞추고, 처음 가중치는 기본값으로, 은닉층에는 "
        "activation='relu'를 쓰세요. {0}가 너무 빨랐을 수도 있습니다"
    ),
    "scale inputs and targets to about -1 to 1, keep the default initial weights, and "
    "write {}": (
        "입력과 목표값을 -1~1쯤으로 맞추고, 처음 가중치는 기본값으로 두고, {0}을 쓰세요"
    ),
    "activation='relu' in hidden layers, fewer layers, or BatchNormalization() between "
    "them": (
        "은닉층에 activation='relu', 더 적은 층, 또는 사이에 BatchNormalization()"
    ),
    "an LSTM or a GRU in place of SimpleRNN; or {}": (
        "SimpleRNN 대신 LSTM이나 GRU, 또는 {0}"
    ),
    "a hundredth of the regularisation: L2(0.001) or L2(0.0001) is usual": (
        "규제를 백분의 일로: L2(0.001)이나 L2(0.0001)이 보통입니다"
    ),
    "random initial weights: leave kernel_initializer out, or write {}": (
        "무작위 처음 가중치: kernel_initializer를 빼거나 {0}을 쓰세요"
    ),
    "set layer.trainable = True": "layer.trainable = True로 하세요",
    "set layer.trainable = True before compile, if its weights are random": (
        "가중치가 무작위라면 compile 전에 layer.trainable = True로 하세요"
    ),
    "see what model.check() says of the last layer and the loss: no gradient comes "
    "from them": (
        "마지막 층과 손실에 대해 model.check()가 하는 말을 보세요: 거기서 기울기가 오지 "
        "않습니다"
    ),
    "write class_weight={class: rows / (classes * rows of the class), ...}": (
        "이렇게 쓰세요: class_weight={클래스: 행 수 / (클래스 수 * 그 클래스의 행 수), ...}"
    ),
    "a learning rate above 0 in place of {}": "{0} 대신 0보다 큰 학습률",
    "see that the loss depends on it (dead units, stop_gradient, rounding)": (
        "손실이 그것에 따라 달라지는지 보세요(죽은 유닛, stop_gradient, 반올림)"
    ),
    "look at some rows together, {}; shuffle both by one order: {}": (
        "몇 행을 함께 보고: {0}, 둘을 한 순서로 섞으세요: {1}"
    ),
    "look at such rows with their labels; train briefly (EarlyStopping), and look at "
    "the rows with the largest loss first: they are the likeliest to be wrong": (
        "그런 행과 라벨을 보세요. 짧게 학습하고(EarlyStopping) 손실이 가장 큰 행부터 "
        "보세요: 틀렸을 가능성이 가장 큽니다"
    ),
    "a hidden layer, or twice the units: {}; less L1, L2 and dropout; another start "
    "(seed)": (
        "은닉층 하나 더, 또는 유닛 두 배: {0}. L1, L2, 드롭아웃은 줄이고, 다른 시작(seed)"
    ),
}  # fmt: skip

PHRASES = {
    " over {} steps": ", {0}단계",
    "are spread {} times as far as those of the training x": (
        "학습 x보다 {0}배 퍼져 있습니다"
    ),
    "lie {} standard deviations away from those of the training x": (
        "학습 x에서 표준 편차의 {0}배만큼 떨어져 있습니다"
    ),
    "{} times smaller": "{0}배 작습니다",
    "{} times as large": "{0}배입니다",
    "a line through them parts the two classes": "둘을 지나는 선이 두 클래스를 가릅니다",
    "an accuracy of {}": "정확도 {0}",
    "an explained variance of {}": "설명된 분산 {0}",
    "in every row": "(모든 행에서)",
    "a last layer without an activation": "활성화 함수가 없는 마지막 층",
    "any number": "모든 수",
    "numbers from {} up": "{0} 이상의 수",
    "numbers up to {}": "{0} 이하의 수",
    "numbers from {} to {}": "{0}부터 {1}까지의 수",
    "{} class": "클래스 {0}개",
    "{} classes": "클래스 {0}개",
    "{} unit": "유닛 {0}개",
    "{} units": "유닛 {0}개",
    "{} sigmoid unit": "sigmoid 유닛 {0}개",
    "{} sigmoid units": "sigmoid 유닛 {0}개",
    "{} channel": "채널 {0}개",
    "{} channels": "채널 {0}개",
    "{} and {} more": "{0} 그 밖에 {1}개",
    "{} and {}": "{0}, {1}",
    "inputs of both signs": "양수와 음수가 섞인 입력",
    "default initial weights": "기본 처음 가중치",
    "a smaller learning rate than {}": "{0}보다 작은 학습률",
    "shorter sequences (every second step, or the part that decides), a Conv1D with "
    "strides or a pooling before it, or return_sequences=True with a "
    "GlobalAveragePooling1D behind": (
        "더 짧은 수열(한 단계씩 건너뛰거나 결정하는 부분만), 앞에 strides가 있는 Conv1D나 "
        "풀링, 또는 return_sequences=True와 뒤의 GlobalAveragePooling1D"
    ),
}  # fmt: skip

INSTEAD |= {text: PHRASES[text] for text in PHRASES if text.startswith("shorter")}


def in_korean(text: str) -> str | None:
    """A sentence of the guide in Korean, None where it is none of those above.

    >>> in_korean("batch_size=500 for 600 rows")
    '600행에 batch_size=500입니다'
    """
    return _said(text, "sentences")


def _said(text: str, kind: str) -> str | None:
    for pattern, korean in _patterns(kind):
        found = pattern.fullmatch(text)
        if found is not None:
            parts = [
                _said(part, kind) or _said(part, "phrases") or part
                for part in found.groups()
            ]
            return _filled(korean, parts)
    return None


def _filled(korean: str, parts: list[str]) -> str:
    """The parts at their places; other braces stand for themselves."""
    return re.sub(r"\{(\d)\}", lambda at: parts[int(at[1])], korean)


@functools.cache
def _patterns(kind: str) -> list[tuple[re.Pattern[str], str]]:
    """The sentences as patterns, those that fix the most letters first."""
    table = PHRASES if kind == "phrases" else SEEN | INSTEAD
    order = sorted(table, key=lambda text: -len(text.replace("{}", "")))
    return [
        (re.compile("(.*?)".join(map(re.escape, text.split("{}"))), re.S), table[text])
        for text in order
    ]
