<?php
// The workloads, for php-fpm.

header('Content-Type: text/plain');

switch ($_SERVER['DOCUMENT_URI']) {
    case '/hello':
        echo 'Hello, world';
        break;
    case '/json':
        header('Content-Type: application/json');
        echo json_encode(json_decode(file_get_contents('php://input')));
        break;
    case '/body':
        echo strlen(file_get_contents('php://input'));
        break;
    case '/wait':
        usleep(10000);
        echo 'waited';
        break;
}
